"""Follow an app's instances as they come and go: no line lost, none twice."""

import asyncio
from contextlib import aclosing
from types import TracebackType
from typing import Self

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs import reader
from loco_server.engines.docker.names import Found
from loco_server.engines.log_lines import After, Mark, Marked, marked
from loco_server.engines.log_position import Position

DISCOVERY_SECONDS = 0.3
GATHER_SECONDS = 0.05
"""How long lines of several instances are gathered, so that they leave in order of time."""
BOUND = 2000


class Follower:
    """Reads every instance in a task of its own into one bounded queue."""

    def __init__(
        self, docker: Docker, listing: Listing, keeper: LogKeeper, query: LogQuery, position: Position
    ) -> None:
        self._docker = docker
        self._listing = listing
        self._keeper = keeper
        self._app_id = query.app.app_id
        self._only = query.instance
        # What has been queued, ahead of what has been given out: the position says the latter.
        self._marks: dict[str, Mark] = dict(position.marks)
        self._queue: asyncio.Queue[Marked | str] = asyncio.Queue(BOUND)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._discovery: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._discovery = asyncio.create_task(self._discover())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._discovery, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next(self, most: int) -> tuple[list[Marked], set[str]]:
        """Wait for lines; give some, each instance's in its own order, and the instances that have ended with them.

        Raises:
            EngineDownError: the engine stopped answering.
        """
        lines: list[Marked] = []
        ended: set[str] = set()
        first = asyncio.create_task(self._queue.get())
        assert self._discovery is not None  # noqa: S101  entered
        try:
            await asyncio.wait({first, self._discovery}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not first.done():
                first.cancel()
        if not first.done():
            await self._discovery  # it only ever ends with a fault
        _sort(first.result(), lines, ended)
        await asyncio.sleep(GATHER_SECONDS)
        while len(lines) < most and not self._queue.empty():
            _sort(self._queue.get_nowait(), lines, ended)
        return lines, ended

    async def _discover(self) -> None:
        while True:
            for container in await self._listing.recent(self._app_id):
                if self._only not in {None, container.name}:
                    continue
                task = self._tasks.get(container.name)
                if task is None:
                    self._tasks[container.name] = asyncio.create_task(self._follow(container))
            for name, task in list(self._tasks.items()):
                if task.done():
                    del self._tasks[name]
                    task.result()
            await asyncio.sleep(DISCOVERY_SECONDS)

    async def _follow(self, container: Found) -> None:
        """Read until the container is gone: as it writes, then what the engine held back at its end, then the kept."""
        now: Found | None = container
        while now is not None:
            if now.state not in {"created", "exited", "dead"}:
                await self._pass_on(now, follow=True)
                await asyncio.sleep(GATHER_SECONDS)  # the list may lag behind the stream's end
            now = await self._fresh(container)
            if now is not None and not now.running:
                await self._pass_on(now, follow=False)
                now = await self._until_it_runs(container)
        gate = After(self._marks.get(container.name))
        kept = [line for line in await self._keeper.kept(self._app_id) if line.instance == container.name]
        for line in [passed for each in marked(kept) for passed in gate.feed(each)] + gate.rest():
            await self._put(line)
        await self._queue.put(container.name)

    async def _pass_on(self, container: Found, *, follow: bool) -> None:
        mark = self._marks.get(container.name)
        async with aclosing(reader.read(self._docker, container, mark, follow=follow)) as chunks:
            async for lines in chunks:
                for line in lines:
                    await self._put(line)

    async def _put(self, line: Marked) -> None:
        await self._queue.put(line)
        self._marks[line.line.instance] = line.mark

    async def _until_it_runs(self, container: Found) -> Found | None:
        """Wait for a stopped container to be started again; None when it is removed."""
        while True:
            now = await self._fresh(container)
            if now is None or now.running:
                return now
            await asyncio.sleep(DISCOVERY_SECONDS)

    async def _fresh(self, container: Found) -> Found | None:
        return next((found for found in await self._listing.recent(self._app_id) if found.id == container.id), None)


def _sort(item: Marked | str, lines: list[Marked], ended: set[str]) -> None:
    if isinstance(item, str):
        ended.add(item)
    else:
        ended.discard(item.line.instance)
        lines.append(item)
