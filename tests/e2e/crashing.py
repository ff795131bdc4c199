"""`loco-server` as it stands, which ends itself with SIGKILL right after the n-th effect of a kind that it is told.

`python -m tests.e2e.crashing local …`. An effect is what outlives the process: a transaction that changed rows, a call
that changed something on the container engine, a file of the edge, a deletion in the registry. Before one's commit or
request, and after what only reads, all is as after the effect before it: these are all the points at which ends differ.

The folder in LOCO_CRASHES tells what to do, while the server runs: with the file `armed` in it effects are counted and
noted in `points`, as `<kind> #<n>`; at the one that `armed` holds the process dies.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.edge import files
from loco_server.engines.docker import images
from loco_server.engines.docker.client import Docker
from loco_server.main import main
from loco_server.records.database import Database
from loco_server.registries.api import RegistryApi
from loco_server.rollouts import housekeeping

READS = ("containers", "inspect_container", "networks", "images", "inspect_image", "ping", "info", "stats")
"""Calls of the engine."""


class Points:
    """Counts, and dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counted: Counter[str] = Counter()

    def passed(self, kind: str) -> None:
        try:
            wanted = (self._folder / "armed").read_text()
        except FileNotFoundError:
            return
        points = self._folder / "points"
        if not points.exists():
            self._counted.clear()
        self._counted[kind] += 1
        point = f"{kind} #{self._counted[kind]}"
        with points.open("a") as noted:
            noted.write(f"{point}\n")
        if point == wanted:
            os.kill(os.getpid(), signal.SIGKILL)


def hook(passed: Callable[[str], None]) -> None:
    """Let every effect of this process tell of itself, by a kind that names the function it belongs to."""
    write, run, pull = Database.write, Docker.run, images._pull
    delete, put = RegistryApi.delete, files._write

    @asynccontextmanager
    async def written(database: Database, kind: str, alone: str | None) -> AsyncIterator[AsyncConnection]:
        async with write(database, alone=alone) as connection:
            yield connection
            changed = bool(connection.info["changed"])
        if changed:
            passed(f"write {kind}")

    def hooked_write(database: Database, *, alone: str | None = None) -> AbstractAsyncContextManager[AsyncConnection]:
        return written(database, sys._getframe(1).f_code.co_qualname, alone)

    async def hooked_call(docker: Docker, method: str, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return await run(docker, lambda sdk: getattr(sdk, method)(*args, **kwargs))
        finally:
            if method not in READS:
                passed(f"engine {method}")

    async def hooked_pull(docker: Docker, *args: Any) -> str:
        try:
            return await pull(docker, *args)
        finally:
            passed("engine pull")

    async def hooked_delete(registry: RegistryApi, repository: str, digest: str) -> None:
        await delete(registry, repository, digest)
        passed("registry delete")

    def hooked_put(path: Path, *args: Any, **kwargs: Any) -> None:
        put(path, *args, **kwargs)
        passed(f"edge {path.name}")

    for owner, name, hooked in (
        (Database, "write", hooked_write),
        (Docker, "call", hooked_call),
        (images, "_pull", hooked_pull),
        (RegistryApi, "delete", hooked_delete),
        (files, "_write", hooked_put),
    ):
        setattr(owner, name, hooked)


if __name__ == "__main__":
    hook(Points(Path(os.environ["LOCO_CRASHES"])).passed)
    housekeeping.EVERY = 1.0  # what is left for the tidying is seen gone soon
    main()
