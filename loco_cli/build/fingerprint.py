"""Whether the context is what it was at the last build, and what was built and pushed then."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loco_cli.build import content
from loco_cli.build.files import Entry
from loco_cli.build.index import Index
from loco_cli.config import xdg


@dataclass(frozen=True)
class Memory:
    """What is known of the last build of these inputs."""

    fingerprint: str = ""
    image: str = ""
    """The engine's id of what was built."""
    pushed: Mapping[str, str] = field(default_factory=dict)
    """`<server> <team>/<app>` → the manifest digest that it had there."""


class Memories:
    """One file for each set of build inputs, in the cache folder: it may go at any time."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = json.dumps(inputs, sort_keys=True)
        self._path = _cache("builds", self._inputs, ".json")

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

    def fingerprint(self, context: Path, found: Sequence[Entry], *, listed_ns: int) -> str:
        """Give the fingerprint of inputs and context: paths, kinds, modes, link targets, and every file's content.

        Times are no part of it: a touched file with the same content changes nothing.

        Args:
            context: the folder.
            found: what is in it, sorted by path.
            listed_ns: when its listing began.

        Raises:
            BuildFailed: a file cannot be read, or is not what it was when it was listed.
        """
        whole = hashlib.sha256(self._inputs.encode())
        root = f"{context}/"
        with Index(_cache("contexts", str(context), ".index"), listed_ns=listed_ns) as index:
            for entry in found:
                known = entry.target
                if entry.kind == "file":
                    remembered = index.known(entry)
                    known = remembered or _sha256(root, entry)
                    index.keep(entry, known, new=remembered is None)
                # No path and no target has a zero byte in it.
                line = f"\0{entry.path}\0{entry.kind} {entry.mode:o} {known}"
                whole.update(line.encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def _cache(folder: str, of: str, suffix: str) -> Path:
    name = hashlib.sha256(of.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return xdg("XDG_CACHE_HOME", ".cache") / folder / f"{name}{suffix}"


def _sha256(root: str, entry: Entry) -> str:
    found = hashlib.sha256()
    for chunk in content.read(root, entry):
        found.update(chunk)
    return found.hexdigest()
