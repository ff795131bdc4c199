"""The context as a stream of tar bytes: GNU format (the engine does not take Python's default), no temporary file."""

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from loco_cli.build.files import Entry

CHUNK = 1 << 20
_TYPES = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}


def stream(context: Path, found: Sequence[Entry]) -> Iterator[bytes]:
    """Give the archive piece by piece. Owners are root's; a file that changes its size meanwhile is cut or filled."""
    for entry in found:
        header = tarfile.TarInfo(entry.path)
        header.type = _TYPES[entry.kind]
        header.mode = entry.mode
        header.size = entry.size
        header.mtime = entry.mtime_ns // 10**9
        header.linkname = entry.target
        yield header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        if entry.kind == "file":
            yield from _content(context / entry.path, entry.size)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left:
            # Exactly as much as the header said, or everything after it would be read wrongly.
            chunk = file.read(min(CHUNK, left)) or b"\0" * min(CHUNK, left)
            left -= len(chunk)
            yield chunk
    if size % tarfile.BLOCKSIZE:
        yield b"\0" * (tarfile.BLOCKSIZE - size % tarfile.BLOCKSIZE)
