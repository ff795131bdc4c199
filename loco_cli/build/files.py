"""The files of a build context: what the builder is sent, in one order, links as links, nothing from outside."""

import gc
import os
import posixpath
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from loco_cli.build import ignore
from loco_cli.build.gitignore import Git
from loco_cli.build.rules import Level, Rules
from loco_spec.errors import BuildFailed

LARGE_BYTES = 100_000_000
_HINT = "name it in .dockerignore where it is not needed, else see its permissions"
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
_KIND, _MODE = 0o170000, 0o7777
_LINKS = 40
"""After so many links in a row Linux gives up, too."""


class Entry(NamedTuple):
    """One thing that is sent. A tuple, as there may be a hundred thousand."""

    path: str
    """Relative, with slashes."""
    kind: str
    """file, folder or link."""
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    target: str
    """Where a link points; else empty."""


@dataclass(frozen=True)
class Listing:
    entries: list[Entry]
    """Sorted by path."""
    left_out: bool
    """Whether the rules left anything out."""


def rules(context: Path, dockerfile: str) -> Rules:
    """Give docker's ignore file where there is one, else git's."""
    return ignore.load(context, dockerfile) or Git(context)


def listing(context: Path, rules: Rules, dockerfile: str) -> Listing:
    """Give everything that is sent. The Dockerfile is, even where the rules leave it out: somebody has to read it.

    Raises:
        BuildFailed: something cannot be read.
    """
    collected = gc.isenabled()
    gc.disable()  # a hundred thousand new tuples have it look through all of them again and again, for nothing
    try:
        found, left_out = _walk(context, rules.top())
    finally:
        if collected:
            gc.enable()
    names = {entry.path for entry in found}
    for path in _linked(context, dockerfile):
        entry = None if path in names else _entry(context, path, (context / path).lstat())
        found += [entry] if entry is not None else []
    found.sort(key=itemgetter(0))
    return Listing(found, left_out)


def _walk(context: Path, top: Level) -> tuple[list[Entry], bool]:
    found: list[Entry] = []
    left_out = False
    # Ignored folders that are walked for what may come back below them, and are sent only if something does.
    waiting: dict[str, Entry] = {}
    folders: list[tuple[str, Level, bool]] = [("", top, False)]
    while folders:
        folder, level, ignored_folder = folders.pop()
        prefix, ignores = f"{folder}/" if folder else "", level.ignores
        for child in _children(context, folder, ignored=ignored_folder):
            path = prefix + child.name
            is_folder = child.is_dir(follow_symlinks=False)
            ignored = ignores(path, folder=is_folder)
            if is_folder:
                below = level.below(path, ignored=ignored)
                if below is not None:
                    folders.append((path, below, ignored))
            if ignored:
                left_out = True
                if not is_folder or below is None:
                    continue
            try:
                entry = _entry(context, path, child.stat(follow_symlinks=False))
            except OSError as e:
                raise unreadable(path, e) from e
            if entry is None:
                continue
            if ignored:
                waiting[path] = entry
                continue
            found.append(entry)
            if waiting:
                _end_waiting(waiting, folder, found)
    return found, left_out


def _end_waiting(waiting: dict[str, Entry], folder: str, found: list[Entry]) -> None:
    while folder:
        entry = waiting.pop(folder, None)
        if entry is not None:
            found.append(entry)
        folder = folder.rpartition("/")[0]


def _children(context: Path, folder: str, *, ignored: bool) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(context / folder) as children:
            return list(children)
    except PermissionError as e:
        if ignored:  # walked only for what may come back
            return ()
        raise unreadable(folder or str(context), e) from e
    except OSError as e:
        raise unreadable(folder or str(context), e) from e


def _entry(context: Path, path: str, status: os.stat_result) -> Entry | None:
    """Give the entry; None for sockets, pipes and devices, which mean nothing in an image."""
    kind = _KINDS.get(status.st_mode & _KIND)
    if kind is None:
        return None
    size = status.st_size if kind == "file" else 0
    target = os.readlink(context / path) if kind == "link" else ""  # noqa: PTH115  a Path would be cleaned
    times = status.st_mtime_ns, status.st_ctime_ns
    return Entry(path, kind, status.st_mode & _MODE, size, *times, status.st_ino, target)


def _linked(context: Path, path: str) -> list[str]:
    """Give the path and, as long as it is a link, what it points at within the context."""
    found: list[str] = []
    while len(found) < _LINKS:
        found.append(path)
        if not (context / path).is_symlink():
            break
        target = os.readlink(context / path)  # noqa: PTH115
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if path.startswith(("/", "../")):
            break
    return found


def unreadable(path: str, error: OSError) -> BuildFailed:
    """Word what went wrong with a path of the context."""
    if isinstance(error, FileNotFoundError):
        return changed(path, "is gone")
    return BuildFailed(f"{path} in the build context cannot be read: {error.strerror or error}", hint=_HINT)


def changed(path: str, how: str) -> BuildFailed:
    return BuildFailed(
        f"the build context changed while it was read: {path} {how}",
        hint="loco deploy, once nothing writes there any more; or name it in .dockerignore",
    )


def size(found: Sequence[Entry]) -> int:
    """Give the bytes of all files."""
    return sum(entry.size for entry in found)


def largest(found: Sequence[Entry], count: int = 5) -> list[tuple[str, int]]:
    """Give the largest files and top-level folders, with their sizes; what is not a hundredth of all is left out."""
    sizes: dict[str, int] = {}
    for entry in found:
        top, slash, _ = entry.path.partition("/")
        name = f"{top}/" if slash else top
        sizes[name] = sizes.get(name, 0) + entry.size
    counted = [item for item in sizes.items() if item[1] * 100 > sum(sizes.values())]
    return sorted(counted, key=lambda item: (-item[1], item[0]))[:count]
