"""Look for one file in the layers of an image as they stream by. Memory stays bounded, whatever they hold.

A layer is a tar archive, plain or gzip, with whiteouts: `etc/.wh.passwd` removes what older layers have. Pure.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

_BLOCK = 512
_PIECE = 1 << 18
_NAME_BYTES = 1 << 20
"""Longest extended header that is read: it holds a name."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class UnreadableLayerError(Exception):
    """The layer is no tar archive, compressed in another way, or holds more than it may."""


class Verdict(Enum):
    """What a layer says about a file besides giving it."""

    SILENT = auto()
    """Older layers decide."""
    REMOVED = auto()


@dataclass(frozen=True)
class _Entry:
    name: str
    kind: bytes
    size: int


def find(layer: Iterable[bytes], path: str, *, at_most: int, unpacked_at_most: int) -> bytes | Verdict:
    """Give the file's content (its first `at_most` bytes), or what the layer says instead.

    Args:
        layer: the layer's bytes as the registry has them, in pieces of any size.
        path: relative, `etc/passwd`.
        at_most: bytes of the content that are kept.
        unpacked_at_most: bytes of the unpacked layer that are read before giving up.

    Raises:
        UnreadableLayerError: see there.
    """
    reader = _Reader(_unpacked(layer), unpacked_at_most)
    folders = [path.rpartition("/")[0]] if "/" in path else []
    found: bytes | Verdict = Verdict.SILENT
    for entry in _entries(reader):
        if entry.name == path:  # the last one of a name counts
            if entry.kind not in {b"0", b"\0", b"7"}:
                raise UnreadableLayerError(f"{path} is not a plain file")
            found = reader.take(min(entry.size, at_most))
            reader.skip(_padded(entry.size) - len(found))
            continue
        reader.skip(_padded(entry.size))
        if entry.name in folders and entry.kind in {b"1", b"2"}:
            raise UnreadableLayerError(f"{entry.name} is a link")
        if found is Verdict.SILENT and entry.name in _whiteouts(path):
            found = Verdict.REMOVED
    return found


def number_of(table: bytes, name: str) -> int | None:
    """Look a name up in the text of a passwd or a group file: both have it first and its number third."""
    for line in table.decode(errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[0] == name and fields[2].isascii() and fields[2].isdigit():
            return int(fields[2])
    return None


def _whiteouts(path: str) -> frozenset[str]:
    """Every name by which a layer hides the path: itself, a folder above it, or all that a folder had."""
    parts = path.split("/")
    found = set()
    for depth, part in enumerate(parts):
        above = "".join(f"{folder}/" for folder in parts[:depth])
        found |= {f"{above}.wh.{part}", f"{above}.wh..wh..opq"}
    return frozenset(found)


def _entries(reader: "_Reader") -> Iterator[_Entry]:
    """Read headers. Whoever takes an entry reads or skips its content, padding included, before the next."""
    name: str | None = None
    size: int | None = None
    while True:
        header = reader.take(_BLOCK)
        if len(header) < _BLOCK or header == bytes(_BLOCK):
            return
        if _number(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
            raise UnreadableLayerError("it is not a tar archive")
        kind, own = header[156:157], _number(header[124:136])
        if kind in {b"x", b"L"}:
            if own > _NAME_BYTES:
                raise UnreadableLayerError("an extended header is longer than any name")
            content = reader.take(own)
            reader.skip(_padded(own) - own)
            if kind == b"L":
                name = content.rstrip(b"\0").decode(errors="replace")
            else:
                extended = _extended(content)
                name = extended.get("path", name)
                said = extended.get("size", "")
                size = int(said) if said.isascii() and said.isdigit() else size
            continue
        if kind == b"S":
            raise UnreadableLayerError("it holds sparse files of an old kind")
        prefix = _text(header[345:500]) if header[257:262] == b"ustar" and header[257:265] != b"ustar  \0" else ""
        plain = f"{prefix}/{_text(header[:100])}" if prefix else _text(header[:100])
        has_content = kind not in {b"1", b"2", b"3", b"4", b"5", b"6"}
        yield _Entry(
            _normal(plain if name is None else name), kind, (own if size is None else size) if has_content else 0
        )
        name = size = None


def _extended(content: bytes) -> dict[str, str]:
    """Read PAX records, `<length> <key>=<value>` and a line feed."""
    found = {}
    while content:
        length, space, _ = content.partition(b" ")
        if not space or not length.isdigit() or not len(length) < int(length) <= len(content):
            raise UnreadableLayerError("a PAX header makes no sense")
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key.decode(errors="replace")] = value.decode(errors="replace")
        content = content[int(length) :]
    return found


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base 256, for sizes that octal digits do not hold
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    if not all(digit in b"01234567" for digit in digits):
        raise UnreadableLayerError("it is not a tar archive")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")


def _normal(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def _padded(size: int) -> int:
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


def _unpacked(layer: Iterable[bytes]) -> Iterator[bytes]:
    """Undo gzip (also of several members), in pieces of at most 256 KB."""
    pieces = iter(layer)
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= 4:
            break
    if first.startswith(_ZSTD):
        raise UnreadableLayerError("it is compressed with zstd")
    if not first.startswith(_GZIP):
        yield first
        yield from pieces
        return
    member = zlib.decompressobj(wbits=31)
    for piece in _chain(first, pieces):
        rest, more = piece, True
        while more:
            try:
                unpacked = member.decompress(rest, _PIECE)
            except zlib.error as e:
                raise UnreadableLayerError(f"it cannot be unpacked: {e}") from e
            yield unpacked
            rest, more = member.unconsumed_tail, len(unpacked) == _PIECE
            if member.eof:
                rest, member = member.unused_data, zlib.decompressobj(wbits=31)
            more = more or bool(rest)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _Reader:
    """Reads exact counts of bytes out of pieces."""

    def __init__(self, pieces: Iterator[bytes], at_most: int) -> None:
        self._pieces = pieces
        self._buffer = b""
        self._left = at_most

    def take(self, count: int) -> bytes:
        """Give so many bytes; fewer at the end."""
        found = bytearray()
        while len(found) < count and self._fill():
            piece = self._buffer[: count - len(found)]
            self._buffer = self._buffer[len(piece) :]
            found += piece
        return bytes(found)

    def skip(self, count: int) -> None:
        while count and self._fill():
            passed = min(count, len(self._buffer))
            self._buffer = self._buffer[passed:]
            count -= passed

    def _fill(self) -> bool:
        while not self._buffer:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._left -= len(piece)
            if self._left < 0:
                raise UnreadableLayerError("it unpacks to more than is looked through")
            self._buffer = piece
        return True
