"""Which worker owns which rollout. Every write names owner and attempt, so that a stale worker writes nothing."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, or_, select, update

from loco_server.records.apps import lock_app, take_routes
from loco_server.records.database import Database
from loco_server.records.deployment_rows import record
from loco_server.records.deployments import ROLLING, end, this
from loco_server.records.events import append_event
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import DeploymentRecord
from loco_server.records.wake import Wake
from loco_spec.events import ENDED


class ClaimLostError(Exception):
    """Another attempt owns the rollout now; this one must not touch anything any more."""


class CancelRequestedError(Exception):
    """The owner of the app asked to stop this rollout."""


class Claims:
    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    async def claim(self, owner: str) -> list[DeploymentRecord]:
        """Take the accepted deployments of all apps that have none rolling; the caller owns them now."""
        async with self._database.write() as db:
            busy = select(DEPLOYMENTS.c.app_id).where(DEPLOYMENTS.c.state.in_(ROLLING))
            rows = await db.execute(
                select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number)
                .where(
                    DEPLOYMENTS.c.state == "accepted",
                    or_(DEPLOYMENTS.c.owner.is_(None), DEPLOYMENTS.c.owner != owner),
                    DEPLOYMENTS.c.app_id.not_in(busy),
                )
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
                    .values(owner=owner, attempt=DEPLOYMENTS.c.attempt + 1)
                )
        return await self._read([this(app_id, number) for app_id, number in newest.items()])

    async def take_over(self, owner: str) -> list[DeploymentRecord]:
        """At the start of the only server of a data folder: everything that was rolling is ours now."""
        async with self._database.write() as db:
            await db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.state == "accepted").values(owner=None))
            await db.execute(
                update(DEPLOYMENTS)
                .where(DEPLOYMENTS.c.state.in_(ROLLING))
                .values(owner=owner, attempt=DEPLOYMENTS.c.attempt + 1)
            )
        return await self._read([DEPLOYMENTS.c.state.in_(ROLLING)])

    async def still_ours(self, item: DeploymentRecord) -> None:
        """Check before each engine step.

        Raises:
            ClaimLostError: another owner or attempt has it, or it has ended.
            CancelRequestedError: it is to stop.
        """
        found = await self._read([this(item.app_id, item.number)])
        now = found[0] if found else None
        if now is None or (now.owner, now.attempt) != (item.owner, item.attempt) or now.state in ENDED:
            raise ClaimLostError
        if now.cancel_requested:
            raise CancelRequestedError

    async def set_released(self, item: DeploymentRecord) -> None:
        """The release command has done its work, and is not run again.

        Raises:
            ClaimLostError: another owner or attempt has it.
        """
        async with self._database.write() as db:
            done = await db.execute(
                update(DEPLOYMENTS)
                .where(
                    this(item.app_id, item.number),
                    DEPLOYMENTS.c.owner == item.owner,
                    DEPLOYMENTS.c.attempt == item.attempt,
                )
                .values(released=True)
            )
        if done.rowcount == 0:
            raise ClaimLostError

    async def promote(self, item: DeploymentRecord, *, message: str) -> bool:
        """The deployment serves: it becomes live, the one before replaced, and the routes are its own alone."""
        now = datetime.now(UTC)
        async with self._database.write() as db:
            await lock_app(db, item.app_id)
            done = await db.execute(
                update(DEPLOYMENTS)
                .where(
                    this(item.app_id, item.number),
                    DEPLOYMENTS.c.owner == item.owner,
                    DEPLOYMENTS.c.attempt == item.attempt,
                    DEPLOYMENTS.c.state == "rolling",
                )
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
        async with self._database.read() as db:
            rows = await db.execute(select(DEPLOYMENTS).where(or_(*which)).order_by(DEPLOYMENTS.c.number))
            return [record(row) for row in rows]
