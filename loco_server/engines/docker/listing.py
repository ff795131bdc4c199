"""One list of this installation's containers, shared by all who look at the same moment."""

import asyncio
import time
from collections.abc import Sequence

from loco_server.engines.docker import names
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.names import Found


class Listing:
    """Many followers of logs ask every few tenths of a second; the engine is asked once."""

    def __init__(self, docker: Docker, installation: str) -> None:
        self._docker = docker
        self._installation = installation
        self._asking = asyncio.Lock()
        self._at = float("-inf")
        self._all: tuple[Found, ...] = ()

    async def recent(self, app_id: str, *, age: float = 0.2) -> Sequence[Found]:
        """The app's containers as they were at most `age` seconds ago."""
        async with self._asking:
            if time.monotonic() - self._at > age:
                began = time.monotonic()
                self._all = tuple(await self.now())
                self._at = began
        return [found for found in self._all if found.app.app_id == app_id]

    async def now(self, app_id: str | None = None) -> list[Found]:
        """Ask the engine now: all containers of the installation, or those of one app; by number."""
        marks = {names.INSTALLATION: self._installation}
        if app_id is not None:
            marks[names.APP_ID] = app_id
        listed = [names.found(entry) for entry in await self._docker.containers(marks)]
        return sorted(
            (found for found in listed if found is not None), key=lambda found: (found.deployment, found.number)
        )
