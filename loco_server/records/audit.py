"""The audit trail: who changed what, from where, and how it ended. Written by changes, read by id, forgotten by age."""

from bisect import insort
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, update

from loco_server.records.change import UNDER_WAY, Change
from loco_server.records.database import Database
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_server.records.wake import Wake
from loco_spec.audit import LIMIT_MOST, AuditEvent
from loco_spec.errors import LocoError

WINDOW = 200
"""A follower looks for so many ids back: on PostgreSQL the transaction with the lower one may end later."""
UNDER_WAY_FOR = timedelta(seconds=5)
"""A follower waits so long for how a change ends; what takes longer is told as under way."""
FORGOTTEN_AT_ONCE = 1000
_ID = AUDIT_EVENTS.c.id


class Audit:
    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    @asynccontextmanager
    async def change(self, change: Change) -> AsyncIterator[Change]:
        """What is changed in the block leaves one event, completed at its end with how that was."""
        before = UNDER_WAY.set(change)
        outcome: str | None = None  # stays, where the server is stopped in the middle: nobody knows how it ended
        try:
            yield change
            outcome = "done"
        except LocoError as e:
            outcome = e.code
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            UNDER_WAY.reset(before)
            change.over = True  # a task that outlives the change leaves no event of it
            async with change.lock:  # and one may be about to
                if change.event is not None and outcome is not None:
                    ended = {**change.row(), "outcome": outcome}
                    async with self._database.write() as db:
                        await db.execute(update(AUDIT_EVENTS).where(AUDIT_EVENTS.c.id == change.event).values(ended))
                    self._wake.all()

    async def leave(self, change: Change) -> None:
        """Leave the event of what changes nothing in the records: somebody goes into an app."""
        row = {**change.row(), "at": datetime.now(UTC), "outcome": "done"}
        async with self._database.write() as db:
            await db.execute(insert(AUDIT_EVENTS).values(row))
        self._wake.all()

    async def read(
        self, team_id: str | None, app: str | None, after: int | None, limit: int, *, known: Sequence[int] = ()
    ) -> list[AuditEvent]:
        """Give the newest events, or (`after`) the first behind that id, without those that are known; oldest first.

        Of the team; None: of all, those of no team too, which are for the operator alone.
        """
        wanted = select(AUDIT_EVENTS).where((after or 0) < _ID, _ID.not_in(known))
        if team_id is not None:
            wanted = wanted.where(AUDIT_EVENTS.c.team_id == team_id)
        if app is not None:
            wanted = wanted.where(AUDIT_EVENTS.c.app == app)
        wanted = wanted.order_by(_ID.desc() if after is None else _ID).limit(limit)
        async with self._database.read() as db:
            found = [AuditEvent.model_validate(row) for row in (await db.execute(wanted)).mappings()]
        return found[::-1] if after is None else found

    async def follow(
        self, team_id: str, app: str | None, after: int | None, limit: int
    ) -> AsyncIterator[AuditEvent | None]:
        """Give what `read` gives, and then each event that comes, once; None while idle."""
        if after is None:
            newest = await self.read(team_id, app, None, limit)
            after = newest[0].id - 1 if len(newest) == limit else 0
        told: list[int] = []
        while True:
            idle, change = True, self._wake.next
            for event in await self.read(team_id, app, after, LIMIT_MOST, known=told):
                if event.outcome is None and datetime.now(UTC) - event.at < UNDER_WAY_FOR:
                    break  # in order: who resumes behind a later one would never hear of this one
                insort(told, event.id)
                idle = False
                yield event
            del told[:-WINDOW]
            after = told[0] if len(told) == WINDOW else after
            if idle:
                yield None
                await self._wake.wait(at_most=2.0, change=change)

    async def forget(self, before: datetime) -> int:
        """Delete some of the events from before then, the oldest first; give how many.

        Cheap where there are none: it looks at the lowest ids alone. The newest stays, or SQLite would give out its id
        again.
        """
        lowest = select(func.min(_ID) + FORGOTTEN_AT_ONCE).scalar_subquery()
        highest = select(func.max(_ID)).scalar_subquery()
        old = delete(AUDIT_EVENTS).where(lowest > _ID, highest > _ID, AUDIT_EVENTS.c.at < before)
        async with self._database.write() as db:
            return int((await db.execute(old)).rowcount)
