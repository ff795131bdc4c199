"""What Prometheus asks for. `/metrics`: this process, and what the records say; `/metrics/apps`: of every app.

The second has a series for each app and more, and is scraped apart, as often as its operator thinks it worth.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loco_server.engines.base import Engine, EngineDownError
from loco_server.records.figures import FiguresOfRecords
from loco_server.serving.readiness import Readiness
from loco_server.telemetry import edge, figures
from loco_server.telemetry.figures import Figures, InstanceFigures, State
from loco_server.telemetry.metrics import Metrics
from loco_server.wiring import Parts

RECORDS_SECONDS = 5.0
"""So long a scrape waits for the records; then it goes without what they would say."""
MEASURE_EVERY = 15.0
"""Seconds between two measurements of what instances take, and four times as long as one lasts; only while asked."""
FIRST_SECONDS = 4.0
"""So long the first scrape waits for the first measurement."""
Exposition = Callable[[str], Awaitable[str]]


class Monitor:
    def __init__(self, metrics: Metrics, readiness: Readiness) -> None:
        self._metrics = metrics
        self._readiness = readiness
        self._records: FiguresOfRecords | None = None
        self._usage: _Usage | None = None
        self._edge: Exposition | None = None

    def begin(self, parts: Parts, edge_says: Exposition | None = None) -> None:
        """From now on there are records, an engine, and perhaps an edge of our own to ask."""
        self._records, self._usage, self._edge = parts.figures, _Usage(parts.engine), edge_says

    async def close(self) -> None:
        if self._usage is not None:
            await self._usage.close()

    def routes(self) -> list[Route]:
        return [Route("/metrics", self._installation), Route("/metrics/apps", self._apps)]

    async def _installation(self, request: Request) -> Response:
        del request
        found = await self._figures()
        faults = self._readiness.faults | ({"records"} if found is None else set())
        state = State(ready=not self._readiness.reasons, faults=faults)
        return _answer(generate_latest(self._metrics.registry) + figures.installation(found, state))

    async def _apps(self, request: Request) -> Response:
        del request
        if self._records is None or self._usage is None:
            return _answer(b"")
        try:
            async with asyncio.timeout(RECORDS_SECONDS):
                apps = await self._records.of_apps()
        except (SQLAlchemyError, OSError, TimeoutError):
            return Response("the records do not answer\n", status_code=503, media_type="text/plain")
        instances = await self._usage.lately()
        said = "" if self._edge is None else await self._edge(edge.FILTER)
        names = {app.id: (app.team, app.name) for app in apps}

        def word() -> bytes:
            return figures.of_apps(apps, instances) + edge.worded(said, names).encode()

        return _answer(await asyncio.to_thread(word))

    async def _figures(self) -> Figures | None:
        """None: there are no records yet, or they do not answer."""
        if self._records is None:
            return None
        try:
            async with asyncio.timeout(RECORDS_SECONDS):
                return await self._records.all()
        except (SQLAlchemyError, OSError, TimeoutError):
            return None


class _Usage:
    """What instances take. Measuring takes the engine seconds: a scrape gets what is known, and lets it be renewed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: list[InstanceFigures] = []
        self._next = float("-inf")
        self._measuring: asyncio.Task[None] | None = None

    async def lately(self) -> list[InstanceFigures]:
        first = self._measuring is None
        if (self._measuring is None or self._measuring.done()) and time.monotonic() >= self._next:
            self._measuring = asyncio.create_task(self._measure())
        if first and self._measuring is not None:
            await asyncio.wait({self._measuring}, timeout=FIRST_SECONDS)
        return self._last

    async def close(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)

    async def _measure(self) -> None:
        began, found = time.monotonic(), dict[tuple[str, str, str], InstanceFigures]()
        try:
            for each in await self._engine.usage():
                key = (each.app.team, each.app.app, each.name)  # twice the same would spoil the whole scrape
                found[key] = InstanceFigures(*key, each.cpu_millis / 1000, each.memory_bytes, each.restarts)
        except EngineDownError:
            pass  # nothing is known of what runs, and /metrics says why
        finally:
            took = time.monotonic() - began
            self._last, self._next = list(found.values()), time.monotonic() + max(MEASURE_EVERY, 4 * took)


def _answer(body: bytes) -> Response:
    return Response(body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})
