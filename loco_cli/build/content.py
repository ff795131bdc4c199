"""What stands in a file of the context, or a clear no: it has to be as it was when it was listed."""

import os
from collections.abc import Iterable, Iterator

from loco_cli.build.files import Entry, changed, unreadable

CHUNK = 1 << 20
# A link that took the file's place is not followed, and a pipe that did not waited for.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read(root: str, entry: Entry) -> Iterable[bytes]:
    """Give exactly as many bytes as were listed. `root`: the context, with a slash at the end.

    Raises:
        BuildFailed: it cannot be read, is gone, or is not what it was.
    """
    return (_whole(root, entry),) if entry.size < CHUNK else _chunks(root, entry)


def _whole(root: str, entry: Entry) -> bytes:
    """Read a small file at once: most files are small, and a generator for each would be felt."""
    try:
        file = os.open(root + entry.path, _FLAGS)
        try:
            # Asked for one more than there should be, it tells of a longer one too.
            found = os.read(file, entry.size + 1)
            status = os.fstat(file)
        finally:
            os.close(file)
    except OSError as e:
        raise unreadable(entry.path, e) from e
    if len(found) < entry.size and status.st_size >= entry.size:
        return b"".join(_chunks(root, entry))  # a file system that gives less than it has
    _see(entry, status, len(found))
    return found


def _chunks(root: str, entry: Entry) -> Iterator[bytes]:
    try:
        file = os.open(root + entry.path, _FLAGS)
    except OSError as e:
        raise unreadable(entry.path, e) from e
    try:
        left = entry.size
        while left:
            chunk = os.read(file, min(left, CHUNK))
            if not chunk:
                break
            left -= len(chunk)
            yield chunk
        # One look after reading tells of the whole time since the listing.
        status = os.fstat(file)
    except OSError as e:
        raise unreadable(entry.path, e) from e
    finally:
        os.close(file)
    _see(entry, status, entry.size - left)


def _see(entry: Entry, status: os.stat_result, read: int) -> None:
    """See that the file is what it was when it was listed."""
    if read < entry.size:
        raise changed(entry.path, "became shorter")
    if read > entry.size or status.st_size > entry.size:
        raise changed(entry.path, "became longer")
    if status.st_mtime_ns != entry.mtime_ns or status.st_ino != entry.inode:
        raise changed(entry.path, "was written")
