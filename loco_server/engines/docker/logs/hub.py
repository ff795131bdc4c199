"""Follow an app's instances as they come and go: each container is read once, however many people look.

What was read lies in a ring of batches, numbered for good. A follower is no more than the number of its next batch: it
holds nothing, and one that is so slow that its batch is gone reads on in the containers' own logs.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from loco_server.engines.base import LogKeeper
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs import reader
from loco_server.engines.docker.names import Found
from loco_server.engines.log_lines import After, Mark, Marked, marked

DISCOVERY_SECONDS = 0.3
GATHER_SECONDS = 0.05
"""How long lines of several instances are gathered, so that they leave in order of time."""
BATCH = 500
RING_LINES = 5000
RING_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    lines: Sequence[Marked]
    ended: frozenset[str]
    """Instances that were read to their end with these lines."""
    size: int


@dataclass(frozen=True)
class Joined:
    """Where a follower begins: at the ring's next batch, behind these last lines (None: behind nothing) by instance."""

    at: int
    lines: int
    """So many lines the ring had been given."""
    last: Mapping[str, Mark | None]
    ended: frozenset[str]


class Hub:
    def __init__(self, docker: Docker, listing: Listing, keeper: LogKeeper, app_id: str) -> None:
        self._docker = docker
        self._listing = listing
        self._keeper = keeper
        self._app_id = app_id
        self.followers = 0
        self.last: dict[str, Mark | None] = {}
        """By instance that is or was followed here: its last line in the ring, or before it."""
        self._ended: set[str] = set()
        self._read: dict[str, Mark | None] = {}
        self._ring: deque[Batch] = deque()
        self._first = 0
        self._lines = self._held = self._size = 0
        self._more = asyncio.Event()
        self._gathered: list[Marked | str] = []
        self._publishing: asyncio.TimerHandle | None = None
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._discovery: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """What there is already is known afterwards; what comes is read from its first line on."""
        found = await self._listing.now(self._app_id)
        last = await asyncio.gather(*(reader.newest(self._docker, each, 1) for each in found))
        for container, lines in zip(found, last, strict=True):
            self._take(container, lines[-1].mark if lines else None)
        self._discovery = asyncio.create_task(self._discover(), name=f"log readers of {self._app_id}")
        self._discovery.add_done_callback(lambda _: self._tell())

    async def end(self) -> None:
        tasks = [task for task in (self._discovery, *self._readers.values()) if task is not None]
        if self._publishing is not None:
            self._publishing.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        return self._discovery is None or self._discovery.done()

    def take(self, container: Found) -> None:
        """Read the container, from its first line on, unless it is read already."""
        if container.name not in self._readers:
            self._take(container, self._read.get(container.name))

    def join(self) -> Joined:
        return Joined(self._first + len(self._ring), self._lines, dict(self.last), frozenset(self._ended))

    async def after(self, at: int) -> Sequence[Batch] | None:
        """Wait for the batches from that number on. None: the first of them is gone.

        Raises:
            EngineDownError: the engine stopped answering.
        """
        while True:
            if at < self._first:
                return None
            if at < self._first + len(self._ring):
                return [self._ring[n] for n in range(at - self._first, len(self._ring))]
            if self._discovery is not None and self._discovery.done():
                self._discovery.result()
            await self._more.wait()

    def _take(self, container: Found, after: Mark | None) -> None:
        self._read[container.name] = after
        self.last.setdefault(container.name, after)
        task = asyncio.create_task(self._follow(container), name=f"log of {container.name}")
        self._readers[container.name] = task

    async def _discover(self) -> None:
        while True:
            for container in await self._listing.recent(self._app_id):
                self.take(container)
            for name, task in list(self._readers.items()):
                if task.done():
                    del self._readers[name]
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
        gate = After(self._read[container.name])
        kept = list(marked(await self._keeper.kept(self._app_id, container.name)))
        self._gather([*gate.feed_all(kept), *gate.rest()], ended=container.name)

    async def _pass_on(self, container: Found, *, follow: bool) -> None:
        mark = self._read[container.name]
        async with aclosing(reader.read(self._docker, container, mark, follow=follow)) as chunks:
            async for lines in chunks:
                self._gather(lines)

    def _gather(self, lines: Sequence[Marked], *, ended: str = "") -> None:
        if lines:
            self._read[lines[-1].line.instance] = lines[-1].mark
        self._gathered += lines
        self._gathered += [ended] if ended else []
        if len(self._gathered) >= BATCH:
            self._publish()
        elif self._publishing is None:
            self._publishing = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._publish)

    def _publish(self) -> None:
        if self._publishing is not None:
            self._publishing.cancel()
            self._publishing = None
        by_name: dict[str, list[Marked]] = {}
        ended: set[str] = set()
        for item in self._gathered:
            if isinstance(item, str):
                ended.add(item)
            else:
                by_name.setdefault(item.line.instance, []).append(item)
        self._gathered = []
        for name, lines in by_name.items():
            self.last[name] = lines[-1].mark
        self._ended = (self._ended - by_name.keys()) | ended
        each = list(by_name.values())
        merged = each[0] if len(each) == 1 else list(heapq.merge(*each, key=lambda line: line.line.at))
        for start in range(0, max(1, len(merged)), BATCH):
            some = merged[start : start + BATCH]
            whole = start + BATCH >= len(merged)
            size = sum(len(line.line.text) for line in some)
            self._ring.append(Batch(some, frozenset(ended) if whole else frozenset(), size))
            self._held += len(some)
            self._size += size
        self._lines += len(merged)
        while len(self._ring) > 1 and (self._held > RING_LINES or self._size > RING_BYTES):
            gone = self._ring.popleft()
            self._first += 1
            self._held -= len(gone.lines)
            self._size -= gone.size
        self._tell()

    def _tell(self) -> None:
        told, self._more = self._more, asyncio.Event()
        told.set()

    async def _until_it_runs(self, container: Found) -> Found | None:
        """Wait for a stopped container to be started again; None when it is removed."""
        while True:
            now = await self._fresh(container)
            if now is None or now.running:
                return now
            await asyncio.sleep(DISCOVERY_SECONDS)

    async def _fresh(self, container: Found) -> Found | None:
        return next((found for found in await self._listing.recent(self._app_id) if found.id == container.id), None)


class Hubs:
    """The hubs of those apps that somebody follows."""

    def __init__(self, docker: Docker, listing: Listing, keeper: LogKeeper) -> None:
        self._docker = docker
        self._listing = listing
        self._keeper = keeper
        self._hubs: dict[str, Hub] = {}
        self._beginning = asyncio.Lock()

    @asynccontextmanager
    async def of(self, app_id: str) -> AsyncIterator[Hub]:
        """Give the app's hub, begun by the first and ended with the last.

        Raises:
            EngineDownError: the engine does not answer.
        """
        async with self._beginning:
            hub = self._hubs.get(app_id)
            if hub is None or hub.is_over:
                hub = Hub(self._docker, self._listing, self._keeper, app_id)
                try:
                    await hub.begin()
                except BaseException:
                    await hub.end()
                    raise
                self._hubs[app_id] = hub
            hub.followers += 1
        try:
            yield hub
        finally:
            hub.followers -= 1
            if not hub.followers:
                if self._hubs.get(app_id) is hub:
                    del self._hubs[app_id]
                await hub.end()

    def left(self, container: Found) -> None:
        """An instance has ended, and its last words are kept: also of one that nobody had seen in a list."""
        if (hub := self._hubs.get(container.app.app_id)) is not None:
            hub.take(container)
