"""Whether the context is what it was at the last build: by each file's status, by its content where that differs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loco_cli.build.files import Entry
from loco_cli.config import xdg


@dataclass(frozen=True)
class Memory:
    """What is known of the last build of these inputs."""

    fingerprint: str = ""
    image: str = ""
    """The engine's id of what was built."""
    pushed: Mapping[str, str] = field(default_factory=dict)
    """`<server> <team>/<app>` → the manifest digest that it had there."""
    files: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """path → [mode, size, mtime_ns, inode, sha256]."""


class Memories:
    """One file for each set of build inputs, in the cache folder: it may go at any time."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = json.dumps(inputs, sort_keys=True)
        name = hashlib.sha256(self._inputs.encode()).hexdigest()[:32]
        self._path = xdg("XDG_CACHE_HOME", ".cache") / "builds" / f"{name}.json"

    def recall(self) -> Memory:
        try:
            return Memory(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Memory()

    def keep(self, memory: Memory) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(memory)), encoding="utf-8")
            fresh.replace(self._path)
        except OSError:
            return  # a cache that cannot be written costs a build, never a deploy

    def fingerprint(self, context: Path, found: Sequence[Entry], known: Memory) -> tuple[str, dict[str, Sequence[Any]]]:
        """Give the fingerprint of inputs and content, and what to remember of each file.

        A file whose mode, size, times and inode are as remembered is not read. Times are no part of the fingerprint:
        a touched file with the same content changes nothing.
        """
        whole = hashlib.sha256(self._inputs.encode())
        files: dict[str, Sequence[Any]] = {}
        for entry in found:
            content = entry.target
            if entry.kind == "file":
                status = [entry.mode, entry.size, entry.mtime_ns, entry.inode]
                before = list(known.files.get(entry.path, ()))
                content = str(before[4]) if before[:4] == status else _sha256(context / entry.path)
                files[entry.path] = [*status, content]
            line = json.dumps([entry.path, entry.kind, entry.mode, entry.size, content])
            whole.update(line.encode("utf-8", "surrogatepass"))
        return whole.hexdigest(), files


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
