"""Looks for planted secrets in texts and files, as they are, encoded, cut in half, and inside what gzip packed."""

import base64
import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

_GZIP = b"\x1f\x8b\x08"
_PIECE = 65_536
_END = 12
"""A secret of twice so many characters is looked for by its first half, and by its end: a message may be cut."""


@dataclass(frozen=True)
class Sentinel:
    name: str
    text: str = field(repr=False)

    @cached_property
    def needles(self) -> frozenset[bytes]:
        whole = len(self.text)
        parts = [self.text] if whole < 2 * _END else [self.text[: whole // 2], self.text[-_END:]]
        return frozenset(form for part in parts for form in forms(part))


def forms(text: str) -> Iterator[bytes]:
    """Give a text as it may stand somewhere."""
    raw = text.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(text, safe="").encode()
    yield quote(text).encode()
    for ascii_ in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_)[1:-1].encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # how many bytes of a group of three stand before: `user:` in `user:password`
            whole = encode(bytes(before) + raw)
            # Only the characters that no neighbour has a part in.
            yield whole[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]


def unpacked(content: bytes) -> Iterator[bytes]:
    """Give the content, and what is in it where it is packed by gzip: as the layers of images are."""
    yield content
    while content.startswith(_GZIP):
        packed, found = zlib.decompressobj(wbits=31), bytearray()
        with suppress(zlib.error):  # one that was cut off, as by a crash: what there is of it
            for at in range(0, len(content), _PIECE):
                found += packed.decompress(content[at : at + _PIECE])
        yield bytes(found)
        content = packed.unused_data


@dataclass(frozen=True, order=True)
class Finding:
    place: str
    """`file data/loco.db`, `stderr of loco deploy`."""
    sentinel: str


@dataclass
class Search:
    """Texts are kept and searched in the end: a token is not known yet when the command that makes it speaks."""

    sentinels: list[Sentinel] = field(default_factory=list)
    texts: dict[tuple[str, bytes], None] = field(default_factory=dict)
    files: int = 0
    """How many were searched."""
    _in_files: set[Finding] = field(default_factory=set)

    def plant(self, name: str, text: str) -> str:
        self.sentinels.append(Sentinel(name, text))
        return text

    def keep(self, place: str, text: str | bytes) -> None:
        self.texts[place, text.encode() if isinstance(text, str) else text] = None

    def folder(
        self, folder: Path, *, name: str = "", since: float = 0, most: int | None = None, without: Sequence[str] = ()
    ) -> None:
        """Search every file below; of a folder that others use only those written since, up to a size."""
        for path in walk(folder, without=without):
            with suppress(FileNotFoundError):
                status = path.stat()
                if status.st_mtime >= since and (most is None or status.st_size <= most):
                    self.files += 1
                    place = f"file {name}{path.relative_to(folder)}"
                    self._in_files |= self.in_content(place, path.read_bytes())

    def in_content(self, place: str, content: bytes) -> set[Finding]:
        contents = list(unpacked(content))
        return {
            Finding(place, sentinel.name)
            for sentinel in self.sentinels
            if any(needle in each for each in contents for needle in sentinel.needles)
        }

    def findings(self) -> list[Finding]:
        found = set(self._in_files)
        for place, text in self.texts:
            found |= self.in_content(place, text)
        return sorted(found)


def walk(folder: Path, *, without: Sequence[str] = ()) -> Iterator[Path]:
    """Give the regular files below; what goes away meanwhile is gone. `without`: patterns of folders to pass over."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not any(fnmatchcase(name, pattern) for pattern in without)]
        for name in names:
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                yield path


def now() -> float:
    """The time as file systems tell it, which may be a little behind."""
    return time.time() - 1


def places(findings: Iterable[Finding]) -> str:
    return "\n".join(f"{each.sentinel}: {each.place}" for each in findings)
