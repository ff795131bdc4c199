"""What stands in each file of a context, remembered by its status: a file that was not touched is not read again.

One text file for each context in the cache folder, sorted by path, read and written side by side with the listing: it
never stands in memory. A file that was written at about the time it was listed may change once more without its status
saying so; like git, the index does not trust such a one, and it is read again the next time.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from loco_cli.build.files import Entry

_HEAD = "loco index 1\n"
_RACY_NS = 2 * 10**9
"""The coarsest clock of a file system in use, FAT's, ticks every two seconds."""


class Index:
    """Asked for entries in their sorted order; renewed on leaving, where anything was new.

    Args:
        path: where it is kept.
        listed_ns: when the listing of the entries began.
    """

    def __init__(self, path: Path, *, listed_ns: int | None = None) -> None:
        self._path = path
        self._fresh_path = path.with_suffix(f".{os.getpid()}")
        self._trusted_ns = (time.time_ns() if listed_ns is None else listed_ns) - _RACY_NS
        self._old: Iterator[tuple[str, str, str]] = iter(())
        self._next: tuple[str, str, str] | None = None
        self._files: list[TextIO] = []
        self._fresh: TextIO | None = None
        self._changed = False

    def __enter__(self) -> Self:
        with suppress(OSError, ValueError):
            file = self._path.open(encoding="utf-8", errors="surrogateescape", newline="\n")
            self._files.append(file)
            if file.readline() == _HEAD:
                self._old = _records(file)
        with suppress(OSError):  # a cache that cannot be written costs time, never a deploy
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fresh = self._fresh_path.open("w", encoding="utf-8", errors="surrogateescape", newline="\n")
            self._files.append(self._fresh)
            self._fresh.write(_HEAD)
        self._next = next(self._old, None)
        return self

    def known(self, entry: Entry) -> str | None:
        """Give the remembered hash of the content; None when the file has to be read."""
        while self._next is not None and self._next[0] < entry.path:
            self._changed = True
            self._next = next(self._old, None)
        if self._next is None or self._next[0] != entry.path:
            return None
        _, status, found = self._next
        self._next = next(self._old, None)
        return found if status == _status(entry) else None

    def keep(self, entry: Entry, content: str, *, new: bool) -> None:
        """Remember the hash of a file's content."""
        self._changed = self._changed or new
        if self._fresh is not None and max(entry.mtime_ns, entry.ctime_ns) < self._trusted_ns:
            try:
                self._fresh.write(f"{content} {_status(entry)} {_escaped(entry.path)}\n")
            except OSError:  # no room
                self._fresh = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        complete = self._fresh is not None and kind is None
        for file in self._files:
            with suppress(OSError):
                file.close()
        with suppress(OSError):
            if complete and (self._changed or self._next is not None):
                self._fresh_path.replace(self._path)
            else:
                self._fresh_path.unlink(missing_ok=True)


def _records(file: TextIO) -> Iterator[tuple[str, str, str]]:
    """Give path, status and hash of each line, up to the first that is none."""
    for line in file:
        found, _, rest = line.partition(" ")
        status, _, path = rest.partition(" ")
        if not line.endswith("\n") or not path:
            return
        yield _unescaped(path[:-1]), status, found


def _status(entry: Entry) -> str:
    return f"{entry.mode:o},{entry.size},{entry.mtime_ns},{entry.ctime_ns},{entry.inode}"


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n") if "\\" in path or "\n" in path else path


def _unescaped(path: str) -> str:
    if "\\" not in path:
        return path
    return "\\".join(part.replace("\\n", "\n") for part in path.split("\\\\"))
