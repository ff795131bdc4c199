"""The context as a stream of tar bytes: GNU format, no temporary file, owners root's, no file held whole in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loco_cli.build import content
from loco_cli.build.files import Entry

_BLOCK = 512
_PIECE = 1 << 15
"""Small files are given together, in pieces of about this size: a pipe or socket has room for one, so that the next is
made while this one is taken. With 64 KB, which fill a pipe, both sides wait for one another.
"""
_NAME = 100
_PADDING = [b"\0" * (-size % _BLOCK) for size in range(_BLOCK)]
_TYPES = {"file": b"0", "folder": b"5", "link": b"2"}
_LONG_NAME, _LONG_LINK = b"L", b"K"
_OWNERS = b"0000000\0" * 2
_END = b"ustar  ".ljust(255, b"\0")
_CONSTANT = sum(_END) + 8 * ord(" ")
"""What every header's sum has in it: its end, and blanks for the sum itself."""


def stream(context: Path, found: Sequence[Entry]) -> Iterator[bytes]:
    """Give the archive piece by piece.

    Raises:
        BuildFailed: a file cannot be read, or is not what it was when it was listed.
    """
    root = f"{context}/"
    # BuildKit looks at the first two blocks alone to see whether it is sent an archive, and does not know one in them
    # that begins with a long name. So the context itself comes first.
    pieces = [_header(b"./", 0o755, 0, 0, _TYPES["folder"], b"")]
    held = 0
    for entry in found:
        pieces.append(header(entry))
        held += len(pieces[-1])
        if entry.kind == "file":
            for chunk in content.read(root, entry):
                pieces.append(chunk)
                held += len(chunk)
                if held >= _PIECE:
                    yield b"".join(pieces)
                    pieces.clear()
                    held = 0
            pieces.append(_PADDING[entry.size % _BLOCK])
        if held >= _PIECE:
            yield b"".join(pieces)
            pieces.clear()
            held = 0
    pieces.append(b"\0" * (2 * _BLOCK))
    yield b"".join(pieces)


def header(entry: Entry) -> bytes:
    """Give what stands before a file's content: more than one block where a name is long."""
    name = entry.path.encode("utf-8", "surrogateescape") + (b"/" if entry.kind == "folder" else b"")
    target = entry.target.encode("utf-8", "surrogateescape")
    before = b""
    if len(target) > _NAME:
        before += _long(_LONG_LINK, target)
    if len(name) > _NAME:
        before += _long(_LONG_NAME, name)
    return before + _header(name, entry.mode, entry.size, entry.mtime_ns // 10**9, _TYPES[entry.kind], target)


def _header(name: bytes, mode: int, size: int, mtime: int, kind: bytes, target: bytes) -> bytes:
    numbers = b"%07o\0%b%b%011o\0" % (mode, _OWNERS, _number(size), max(mtime, 0))
    name, target = name[:_NAME], target[:_NAME]
    total = sum(name) + sum(numbers) + kind[0] + sum(target) + _CONSTANT
    return b"%b%b%06o\0 %b%b%b" % (name.ljust(_NAME, b"\0"), numbers, total, kind, target.ljust(_NAME, b"\0"), _END)


def _number(value: int) -> bytes:
    """Twelve bytes: octal, or binary where that is too short, as GNU tar does."""
    if value < 8**11:
        return b"%011o\0" % value
    return b"\x80" + value.to_bytes(11, "big")


def _long(kind: bytes, name: bytes) -> bytes:
    size = len(name) + 1
    return _header(b"././@LongLink", 0, size, 0, kind, b"") + name + b"\0" + _PADDING[size % _BLOCK]
