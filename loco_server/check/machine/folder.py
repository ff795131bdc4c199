"""The data folder: the server's own, closed to others, with room on its disk."""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from loco_server.check.finding import Finding, missing, ok
from loco_server.check.machine.place import Machine
from loco_server.local.folder import SOCKET_PATH_MAX, refuse_strange
from loco_spec.errors import UsageError
from loco_spec.values import human_bytes

NAME, SPACE = "folder", "space"
_FILES = ("loco.db", "loco.db-wal", "loco.db-shm")


@dataclass(frozen=True)
class Folder:
    path: Path
    owner: int | None = None
    """The user's number; None: there is no such folder yet."""
    me: int = 0
    """Who asks; root looks at others' folders."""
    mode: int = 0o700
    open_to_others: tuple[str, ...] = ()
    """Keys, records and folders of sockets that others may read, as paths below it."""
    strange: str = ""
    """What else lives there, as the server would say it."""
    longest: int = 0
    """Bytes of the longest path of a socket."""


def judge(found: Folder) -> Finding:
    where = found.path
    if found.longest > SOCKET_PATH_MAX:
        said = f"the path of {where} is too long: sockets in it would have {found.longest} bytes of {SOCKET_PATH_MAX}"
        return missing(NAME, said, "choose a shorter --data-dir")
    if found.owner is None:
        return ok(NAME, f"{where} is not there yet: the first start makes it")
    if found.strange:
        return missing(NAME, found.strange, "choose an empty or new folder with --data-dir")
    if found.me not in {0, found.owner}:
        fix = "run the server as the user whose folder it is, or name another --data-dir"
        return missing(NAME, f"{where} is {_user(found.owner)}'s, and this is {_user(found.me)}", fix)
    if found.mode & 0o077:
        return missing(NAME, f"{where} is open to others (mode {found.mode:o})", f"chmod 700 {where}")
    if found.open_to_others:
        paths = " ".join(f"{where / each}" for each in found.open_to_others)
        return missing(NAME, f"open to others: {', '.join(found.open_to_others)}", f"chmod go= {paths}")
    return ok(NAME, f"{where} is {_user(found.owner)}'s alone")


def space(free: int, floor: int, where: Path) -> Finding:
    """Bytes."""
    told = f"{human_bytes(free)} are free at {where}, and the floor is {human_bytes(floor)}"
    if free < floor:
        return missing(SPACE, f"{told}: no new deployment is taken", "free space, or set a lower LOCO_FREE_SPACE_FLOOR")
    return ok(SPACE, told)


async def look(machine: Machine) -> Finding:
    settings = machine.settings
    sockets = (settings.internal_socket, settings.admin_socket, settings.registry_socket, settings.envoy_socket)
    longest = max(len(os.fsencode(path)) for path in sockets)
    try:
        there = settings.data_dir.stat()
        strange = _strange(settings.data_dir)
    except FileNotFoundError:
        return judge(Folder(settings.data_dir, longest=longest))
    except PermissionError:
        there, strange = settings.data_dir.stat(), ""
    return judge(
        Folder(
            settings.data_dir,
            owner=there.st_uid,
            me=os.geteuid(),
            mode=stat.S_IMODE(there.st_mode),
            open_to_others=_open_to_others(settings.data_dir) if os.access(settings.data_dir, os.X_OK) else (),
            strange=strange,
            longest=longest,
        )
    )


async def look_at_space(machine: Machine) -> Finding:
    folder = machine.settings.data_dir
    while not folder.exists():
        folder = folder.parent
    floor = machine.settings.limits.free_space_bytes
    return space(shutil.disk_usage(folder).free, floor, folder)


def _strange(folder: Path) -> str:
    try:
        refuse_strange(folder)
    except UsageError as e:
        return e.message
    except NotADirectoryError:
        return f"{folder} is no folder"
    return ""


def _open_to_others(folder: Path) -> tuple[str, ...]:
    parts = [folder / name for name in ("keys", "run", "log", *_FILES) if (folder / name).exists()]
    if (folder / "keys").is_dir():
        parts += sorted((folder / "keys").iterdir())
    return tuple(str(each.relative_to(folder)) for each in parts if each.stat().st_mode & 0o077)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
