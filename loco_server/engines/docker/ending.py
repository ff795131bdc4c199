"""End a process that was started in a container beside the container's own, with all that it started.

The engine ends none: whoever hangs up leaves it running. Its runtime makes each such process the leader of a session
of its own, and the host sees it and its children under their numbers here.
"""

import os
import signal
import time
from pathlib import Path

GRACE_SECONDS = 2.0
_PROC = Path("/proc")
_STATE, _SESSION = 0, 3
"""Of the fields of /proc/<pid>/stat behind the name, which may have spaces and brackets in it."""


def end(leader: int, container: str) -> None:
    """SIGHUP, as when a terminal is closed, and SIGKILL for what is there two seconds later. Gone is no error.

    `container`: its id. A process that is in none of that id's control groups is left: its number was given out again,
    or it is another machine's.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    _signal(of_session(leader, container), signal.SIGHUP)
    while found := of_session(leader, container):
        if time.monotonic() > deadline:
            _signal(found, signal.SIGKILL)
        time.sleep(0.02)
        if time.monotonic() > deadline + GRACE_SECONDS:  # in the kernel, and not to be ended by anybody
            return


def of_session(leader: int, container: str, *, proc: Path = _PROC) -> list[int]:
    """Give the processes of a session that are in the container."""
    found = []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[_SESSION]) == leader and fields[_STATE] != "Z":
                    found += [int(entry.name)] if container in (entry / "cgroup").read_text() else []
            except (OSError, ValueError, IndexError):  # it ended while it was looked at
                continue
    return found


def marked(pid: int, mark: str, *, proc: Path = _PROC) -> bool:
    """Whether a process was started with this `NAME=value` in its environment."""
    try:
        return mark.encode() in (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
