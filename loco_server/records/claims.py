"""Which worker owns which rollout, and until when. Every write names owner and attempt: a stale worker writes nothing.

A claim is a lease, by the database's clock: whoever does not renew it has ended, or cannot reach the records.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.apps import lock_app, take_routes
from loco_server.records.database import Database
from loco_server.records.deployment_rows import ROLLING, UNDER_WAY, record
from loco_server.records.deployments import end, this
from loco_server.records.events import append_event
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import DeploymentRecord
from loco_server.records.wake import Wake

LEASE = timedelta(seconds=15)
RENEW_EVERY = LEASE.total_seconds() / 3


HOLD_SECONDS = 20.0
"""After which PostgreSQL ends a hold that nobody keeps: its server's machine is gone, and rollouts begin again."""
KEEP_EVERY = HOLD_SECONDS / 5
PATIENCE_SECONDS = 30.0
"""For so long a claim waits at once for a hold to end, and a hold for the claims that are being made."""
HOLD_PATIENCE_SECONDS = 90.0
"""For so long one hold waits for another."""
_LOCK_NOT_AVAILABLE = "55P03"


class ClaimLostError(Exception):
    """Another attempt owns the rollout now; this one must not touch anything any more."""


class HeldElsewhereError(Exception):
    """Another server keeps rollouts from beginning."""


class HoldLostError(Exception):
    """Rollouts may begin again, though the block that was to keep them from it has not ended: it is cut short."""


class CancelRequestedError(Exception):
    """The owner of the app asked to stop this rollout."""


class Claims:
    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    async def claim(self, owner: str) -> list[DeploymentRecord]:
        """Take the accepted deployments of all apps that have none rolling, and what others have let go of.

        The caller owns them now, for as long as it renews them. Where a hold goes on and on: none.
        """
        try:
            newest = await self._claim(owner)
        except HeldElsewhereError:
            return []
        return await self._read([this(app_id, number) for app_id, number in newest.items()])

    async def _claim(self, owner: str) -> dict[str, int]:
        """Give the number of what was claimed, by its app."""
        async with self._database.write() as db:
            # Waits in line: one that only tried would never get in between the holds of several servers.
            await _lock(db, func.pg_advisory_xact_lock_shared(_BEGINNING))
            rows = await db.execute(
                select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number)
                .where(_free(db), or_(_waiting(), DEPLOYMENTS.c.state.in_(ROLLING)))
                .order_by(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number.desc())
                .with_for_update(key_share=True, skip_locked=True)  # being superseded or cancelled: the next look tells
            )
            newest: dict[str, int] = {}
            for row in rows:
                newest.setdefault(row.app_id, row.number)
            for app_id, number in newest.items():
                await db.execute(
                    update(DEPLOYMENTS)
                    .where(this(app_id, number))
                    .values(owner=owner, attempt=DEPLOYMENTS.c.attempt + 1, leased_until=_now(db) + LEASE)
                )
        return newest

    async def unclaimed(self) -> list[DeploymentRecord]:
        """Give the accepted deployments that a worker could take, and none has."""
        async with self._database.look() as db:
            return [record(row) for row in await db.execute(select(DEPLOYMENTS).where(_free(db), _waiting()))]

    @asynccontextmanager
    async def none_begin(self, *, waits: bool = True) -> AsyncIterator[None]:
        """While the block runs no server claims anything: what is not claimed when it begins stays so.

        Where several servers share the records; on SQLite there is one, and nothing is held up. One server at a time:
        `waits` for another's block to end. Claims that are asked for meanwhile come before the next block.

        Raises:
            HeldElsewhereError: another server's block goes on, or does not end in `HOLD_PATIENCE_SECONDS`.
            HoldLostError: the database has let go, or may have, before the block's end.
        """
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(self._database.read())
            if db.dialect.name == "postgresql":
                await db.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{HOLD_SECONDS:.0f}s'"))
                if waits:
                    await _lock(db, func.pg_advisory_xact_lock(_HOLDING), seconds=HOLD_PATIENCE_SECONDS)
                elif not await db.scalar(select(func.pg_try_advisory_xact_lock(_HOLDING))):
                    raise HeldElsewhereError
                await _lock(db, func.pg_advisory_xact_lock(_BEGINNING))
                await stack.enter_async_context(_kept(db))
            yield

    async def renew(self, owner: str, app_ids: Collection[str]) -> None:
        """Keep what the owner has of these apps."""
        async with self._database.write() as db:
            await db.execute(_of(owner).where(DEPLOYMENTS.c.app_id.in_(app_ids)).values(leased_until=_now(db) + LEASE))

    async def let_go(self, owner: str) -> None:
        """At the end of the owner: whoever looks next takes over what it has."""
        async with self._database.write() as db:
            await db.execute(_of(owner).values(leased_until=None))

    async def take_over(self, owner: str) -> list[DeploymentRecord]:
        """At the start of the only server of its records: everything that was rolling is ours now."""
        async with self._database.write() as db:
            await db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.state == "accepted").values(leased_until=None))
            await db.execute(
                update(DEPLOYMENTS)
                .where(DEPLOYMENTS.c.state.in_(ROLLING))
                .values(owner=owner, attempt=DEPLOYMENTS.c.attempt + 1, leased_until=_now(db) + LEASE)
            )
        return await self._read([DEPLOYMENTS.c.state.in_(ROLLING)])

    async def still_ours(self, item: DeploymentRecord) -> DeploymentRecord:
        """Check before each engine step; give it as it is now.

        A lease that is over is a claim lost, also before another takes it: the next claim may come at any moment.

        Raises:
            ClaimLostError: another owner or attempt has it, its lease is over, or it has ended.
            CancelRequestedError: it is to stop.
        """
        async with self._database.look() as db:
            kept = DEPLOYMENTS.c.leased_until > _now(db)
            row = (await db.execute(select(DEPLOYMENTS).where(_ours(item), kept))).first()
        if row is None:
            raise ClaimLostError
        if row.cancel_requested:
            raise CancelRequestedError
        return record(row)

    async def tell(
        self, item: DeploymentRecord, message: str, *, kind: str = "step", detail: dict[str, Any] | None = None
    ) -> None:
        """Add an event to the deployment's history.

        Raises:
            ClaimLostError: another owner or attempt has it, or it has ended.
        """
        async with self._database.write() as db:
            if not await append_event(db, item.app_id, item.number, kind, message, detail or {}, _ours(item)):
                raise ClaimLostError
        self._wake.all()

    async def set_released(self, item: DeploymentRecord) -> None:
        """The release command has done its work, and is not run again.

        Raises:
            ClaimLostError: another owner or attempt has it.
        """
        async with self._database.write() as db:
            done = await db.execute(update(DEPLOYMENTS).where(_ours(item)).values(released=True))
        if done.rowcount == 0:
            raise ClaimLostError

    async def promote(self, item: DeploymentRecord, *, message: str) -> bool:
        """The deployment serves: it becomes live, the one before replaced, and the routes are its own alone."""
        now = datetime.now(UTC)
        async with self._database.write() as db:
            await lock_app(db, item.app_id)
            done = await db.execute(
                update(DEPLOYMENTS)
                .where(_ours(item), DEPLOYMENTS.c.state == "rolling")
                .values(state="live", live_at=now)
            )
            if done.rowcount == 0:
                return False
            before = await db.execute(
                select(DEPLOYMENTS.c.number).where(
                    DEPLOYMENTS.c.app_id == item.app_id,
                    DEPLOYMENTS.c.state == "live",
                    DEPLOYMENTS.c.number != item.number,
                )
            )
            for number in list(before.scalars()):
                await end(db, item.app_id, number, "replaced", f"v{item.number} took over", reason=False)
            await take_routes(db, item.app_id, item.routes)
            await append_event(db, item.app_id, item.number, "state", message, {"state": "live"})
        self._wake.all()
        return True

    async def _read(self, which: list[ColumnElement[bool]]) -> list[DeploymentRecord]:
        if not which:
            return []
        async with self._database.look() as db:
            rows = await db.execute(select(DEPLOYMENTS).where(or_(*which)).order_by(DEPLOYMENTS.c.number))
            return [record(row) for row in rows]


_BEGINNING = func.hashtext("rollouts begin")
"""Shared by claims, and a hold's alone."""
_HOLDING = func.hashtext("rollouts do not begin")
"""Of holds among themselves: they do not queue for the other one, or claims would wait for all of them."""


async def _lock(db: AsyncConnection, taken: ColumnElement[Any], *, seconds: float | None = None) -> None:
    """Take a lock until the transaction's end, on PostgreSQL.

    Raises:
        HeldElsewhereError: it was not to be had in so long, by default `PATIENCE_SECONDS`.
    """
    if db.dialect.name != "postgresql":
        return
    await db.execute(text(f"SET LOCAL lock_timeout = '{(seconds or PATIENCE_SECONDS) * 1000:.0f}ms'"))
    try:
        await db.execute(select(taken))
    except DBAPIError as e:
        if getattr(e.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise HeldElsewhereError from e
        raise


@asynccontextmanager
async def _kept(db: AsyncConnection) -> AsyncIterator[None]:
    """Keep the connection's transaction from ending while the block runs, and end the block when it has.

    Raises:
        HoldLostError: it has, or nobody can tell.
    """
    try:
        async with asyncio.timeout(None) as block:
            keeping = asyncio.create_task(_keep(db, block))
            try:
                yield
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
    except TimeoutError as e:
        if block.expired():
            raise HoldLostError("the database let go of it") from e
        raise


async def _keep(db: AsyncConnection, block: asyncio.Timeout) -> None:
    """Ask for something now and then; where no answer comes in time, end the block, beside waiting on for one."""
    while True:
        await asyncio.sleep(KEEP_EVERY)
        asking = asyncio.create_task(_ask(db))
        try:
            await asyncio.wait({asking}, timeout=KEEP_EVERY)
            if not (asking.done() and asking.result()):
                block.reschedule(asyncio.get_running_loop().time())
                return
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)


async def _ask(db: AsyncConnection) -> bool:
    try:
        await db.execute(select(1))
    except (DBAPIError, OSError):
        return False
    return True


def _free(db: AsyncConnection) -> ColumnElement[bool]:
    return or_(DEPLOYMENTS.c.leased_until.is_(None), DEPLOYMENTS.c.leased_until < _now(db))


def _waiting() -> ColumnElement[bool]:
    """Whether it is accepted, and none of its app is under way."""
    busy = select(DEPLOYMENTS.c.app_id).where(DEPLOYMENTS.c.state.in_(ROLLING))
    return and_(DEPLOYMENTS.c.state == "accepted", DEPLOYMENTS.c.app_id.not_in(busy))


def _ours(item: DeploymentRecord) -> ColumnElement[bool]:
    """Whether it is in hand by that very claim."""
    return and_(
        this(item.app_id, item.number),
        DEPLOYMENTS.c.owner == item.owner,
        DEPLOYMENTS.c.attempt == item.attempt,
        DEPLOYMENTS.c.state.in_(UNDER_WAY),
    )


def _of(owner: str) -> Any:
    return update(DEPLOYMENTS).where(DEPLOYMENTS.c.owner == owner, DEPLOYMENTS.c.state.in_(UNDER_WAY))


def _now(db: AsyncConnection) -> Any:
    """The time that all servers share; SQLite has one server, and its clock will do."""
    return func.now() if db.dialect.name == "postgresql" else datetime.now(UTC)
