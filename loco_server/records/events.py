"""Events of deployments: append-only, numbered 1, 2, 3 … under the deployment's row."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.change import TOLD, leave_end
from loco_server.records.database import Database
from loco_server.records.tables import DEPLOYMENTS, EVENTS
from loco_server.records.wake import Wake
from loco_spec.events import DeploymentEvent


async def append_event(
    db: AsyncConnection,
    app_id: str,
    deployment: int,
    kind: str,
    message: str,
    detail: dict[str, Any],
    *only: ColumnElement[bool],
) -> bool:
    """Within a transaction: the deployment's next event. The update takes the row's lock, so numbers have no gap.

    An end leaves an event of the audit trail too: every change of state comes by here. False: it is not as `only` asks.
    """
    now = datetime.now(UTC)
    changes: dict[str, Any] = {"last_event": DEPLOYMENTS.c.last_event + 1}
    if kind == "state":
        changes["state_at"] = now
    number = await db.scalar(
        update(DEPLOYMENTS)
        .where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.number == deployment, *only)
        .values(changes)
        .returning(DEPLOYMENTS.c.last_event)
    )
    if number is None:
        return False
    await db.execute(
        insert(EVENTS).values(
            app_id=app_id,
            deployment=deployment,
            number=number,
            at=now,
            kind=kind,
            message=message,
            detail=detail,
        )
    )
    if kind == "state" and detail["state"] in TOLD:
        await leave_end(db, app_id, deployment, detail["state"])
    return True


class Events:
    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    async def add(
        self, app_id: str, deployment: int, message: str, *, kind: str = "step", detail: dict[str, Any] | None = None
    ) -> None:
        async with self._database.write() as db:
            await append_event(db, app_id, deployment, kind, message, detail or {})
        self._wake.all()

    async def after(self, app_id: str, deployment: int, number: int) -> list[DeploymentEvent]:
        """Give the events that come after number `number`, in order."""
        async with self._database.look() as db:
            rows = await db.execute(
                select(EVENTS)
                .where(EVENTS.c.app_id == app_id, EVENTS.c.deployment == deployment, EVENTS.c.number > number)
                .order_by(EVENTS.c.number)
            )
            return [
                DeploymentEvent(number=row.number, at=row.at, kind=row.kind, message=row.message, detail=row.detail)
                for row in rows
            ]
