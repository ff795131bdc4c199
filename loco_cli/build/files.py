"""The files of a build context: what the builder is sent, in one order, links as links, nothing from outside."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from loco_cli.build.ignore import Ignore

LARGE_BYTES = 100_000_000
_SECRETS = (".env", ".env.*", "*.pem", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.kubeconfig", ".npmrc", ".netrc")
_NO_SECRETS = (".env.example", ".env.sample", ".env.template")


@dataclass(frozen=True)
class Entry:
    path: str
    """Relative, with slashes."""
    kind: str
    """file, folder or link."""
    mode: int
    size: int
    mtime_ns: int
    inode: int
    target: str = ""
    """Where a link points."""


def entries(context: Path, ignore: Ignore, always: Sequence[str]) -> list[Entry]:
    """Give everything that is sent, sorted by path. `always`: sent though ignored (Dockerfile, ignore file)."""
    found = {entry.path: entry for entry in _walk(context, "", ignore)}
    for path in always:
        file = context / path
        if path not in found and file.is_file():
            found[path] = _entry(path, file.stat(follow_symlinks=True), "")
    return [found[path] for path in sorted(found)]


def _walk(context: Path, folder: str, ignore: Ignore) -> Iterator[Entry]:
    with os.scandir(context / folder) as listing:
        children = sorted(listing, key=lambda child: child.name)
    for child in children:
        path = f"{folder}/{child.name}" if folder else child.name
        ignored = ignore.ignores(path)
        if child.is_dir(follow_symlinks=False):
            below = [] if ignored and ignore.may_prune else list(_walk(context, path, ignore))
            if not ignored or below:  # a folder is sent, too, for what comes back below it
                yield _entry(path, child.stat(follow_symlinks=False), "")
            yield from below
        elif not ignored:
            status = child.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):  # no sockets, pipes, devices
                yield _entry(path, status, str(Path(child.path).readlink()) if child.is_symlink() else "")


def _entry(path: str, status: os.stat_result, target: str) -> Entry:
    kind = "link" if target else "folder" if stat.S_ISDIR(status.st_mode) else "file"
    size = status.st_size if kind == "file" else 0
    return Entry(path, kind, stat.S_IMODE(status.st_mode), size, status.st_mtime_ns, status.st_ino, target)


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


def secrets(found: Sequence[Entry], allow: Sequence[str]) -> list[str]:
    """Give the paths whose names say that a secret is in them, without those that are allowed."""
    return [
        entry.path
        for entry in found
        if entry.kind == "file"
        and _matches(entry.path.rpartition("/")[2], _SECRETS)
        and not _matches(entry.path.rpartition("/")[2], _NO_SECRETS)
        and not _matches(entry.path, allow)
    ]


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(text, pattern) for pattern in patterns)
