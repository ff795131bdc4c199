"""Whether requests may be sent to this server: what it needs is looked at beside them, and told to who asks."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loco_server.engines.base import Engine, EngineDownError
from loco_server.records import schema
from loco_server.records.database import Database
from loco_server.records.wake import Wake

log = logging.getLogger("loco.readiness")

RECORDS_EVERY = 1.0
RECORDS_SECONDS = 2.0
"""So long the database may take for its answer."""
ENGINE_EVERY = 5.0
ENGINE_SECONDS = 10.0
LATELY = 60.0
"""For so long the engine may be silent: what it is asked waits for it meanwhile."""
PROCESSES_EVERY = 1.0


class Readiness:
    def __init__(self, engine: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`engine`: what people call what runs the containers; `clock` counts seconds."""
        self._engine = engine
        self._clock = clock
        self._faults: dict[str, str] = {
            "records": "the database has not answered yet",
            "engine": f"{engine} has not answered yet",
            "server": "the server is starting",
        }
        self._answered_at = float("-inf")
        self._ending = False
        self._changed = Wake()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why nothing is to be sent here; empty: it may be."""
        return ("the server is ending",) if self._ending else tuple(self._faults.values())

    @property
    def faults(self) -> frozenset[str]:
        """What is wrong: `records`, `engine`, `server`, or the name of a process."""
        return frozenset(self._faults)

    async def records_are_there(self) -> None:
        """Return when the database has answered, at this version's schema."""
        while "records" in self._faults:
            await self._changed.wait()

    def started(self) -> None:
        self._set("server", None)

    def end(self) -> None:
        """From now on: not ready, whatever else is well."""
        self._ending = True

    def routes(self) -> list[Route]:
        return [Route("/healthz", _alive), Route("/readyz", self._ready)]

    async def _ready(self, request: Request) -> Response:
        del request
        reasons = self.reasons
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    async def watch_records(self, database: Database) -> None:
        """Look at the schema until cancelled."""
        await _every(RECORDS_EVERY, lambda: self.see_records(database))

    async def watch_engine(self, engine: Engine) -> None:
        await _every(ENGINE_EVERY, lambda: self.see_engine(engine))

    async def watch_processes(self, processes: Mapping[str, Callable[[], int | None]]) -> None:
        """Look until cancelled whether each one has a pid."""

        async def look() -> None:
            for name, pid in processes.items():
                self._set(name, f"{name} does not run" if pid() is None else None)

        await _every(PROCESSES_EVERY, look)

    async def see_records(self, database: Database) -> None:
        """Once: the database answers, at this version's schema."""
        try:
            async with asyncio.timeout(RECORDS_SECONDS), database.read() as db:
                found = await db.run_sync(schema.current)
        except (SQLAlchemyError, OSError, TimeoutError) as e:
            self._set("records", "the database does not answer", detail=_words(e))
        else:
            self._set("records", _schema_fault(found))

    async def see_engine(self, engine: Engine) -> None:
        """Once: the engine answers, or did lately."""
        try:
            async with asyncio.timeout(ENGINE_SECONDS):
                await engine.check()
        except (EngineDownError, TimeoutError) as e:
            if self._clock() - self._answered_at > LATELY:
                self._set("engine", f"{self._engine} does not answer, or not as it should", detail=str(e))
        else:
            self._answered_at = self._clock()
            self._set("engine", None)

    def _set(self, what: str, fault: str | None, *, detail: str = "") -> None:
        """Everybody may ask why; what may name hosts is for the log alone, once for each fault."""
        if fault is None:
            if self._faults.pop(what, None) is not None:
                self._changed.all()
            return
        if self._faults.get(what) != fault:
            log.warning("not ready: %s%s", fault, f" ({detail})" if detail else "")
        self._faults[what] = fault


def _schema_fault(found: str | None) -> str | None:
    head = schema.head()
    if found == head:
        return None
    if found is None:
        return f"the database has no records yet, and this loco needs the schema {head}: loco-server migrate"
    if not schema.is_known(found):
        return f"the records were written by a newer loco (schema {found}); this one knows {head}"
    return f"the records have the schema {found}, and this loco needs {head}: loco-server migrate"


def _words(error: Exception) -> str:
    told = str(getattr(error, "orig", None) or str(error)).strip()
    return next(iter(told.splitlines()), type(error).__name__)


async def _alive(request: Request) -> Response:
    del request
    return JSONResponse({"alive": True})


async def _every(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except Exception:
            log.exception("looking whether the server is ready stumbled; it goes on")
        await asyncio.sleep(seconds)
