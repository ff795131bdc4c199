"""One server a data folder: the lock that says so, and who holds it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loco_server.local.processes import start_time


@dataclass(frozen=True)
class Holder:
    """The process that serves the folder, or last did."""

    pid: int
    started: int
    """The kernel's start time of the process: a pid alone may be somebody else's by now."""
    api_url: str

    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started


class FolderTakenError(Exception):
    """Another server has the folder."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("the data folder is in use")
        self.holder = holder


@contextmanager
def held(data_dir: Path, *, api_url: str) -> Iterator[None]:
    """Hold the folder for as long as the block runs. The kernel lets go when the process dies, however it dies.

    Raises:
        FolderTakenError: another process holds it.
    """
    path = data_dir / "server.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTakenError(holder(data_dir)) from None
        mine = {"pid": os.getpid(), "started": start_time(os.getpid()), "api_url": api_url}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(mine).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(data_dir: Path) -> Holder | None:
    """Give who holds the folder, or held it when it was killed; None when it was left in order."""
    try:
        found = json.loads((data_dir / "server.lock").read_text(encoding="ascii"))
        return Holder(pid=int(found["pid"]), started=int(found["started"]), api_url=str(found["api_url"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
