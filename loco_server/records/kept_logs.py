"""The last words of instances that ended: at most 1 MB each, of the last ten deployments of an app."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from loco_server.records.apps import lock_app
from loco_server.records.database import Database
from loco_server.records.tables import KEPT_LOGS
from loco_spec.events import LogLine

KEPT_BYTES = 1 << 20
KEPT_DEPLOYMENTS = 10


def newest(lines: Sequence[LogLine], *, size: int = KEPT_BYTES) -> list[LogLine]:
    """Give the newest lines whose text fits into `size` bytes."""
    left = size
    kept: list[LogLine] = []
    for line in reversed(lines):
        left -= len(line.text.encode()) + 1
        if left < 0:
            break
        kept.append(line)
    return kept[::-1]


class KeptLogs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, app_id: str, deployment: int, instance: str, lines: Sequence[LogLine]) -> None:
        """Store an instance's last lines; a second time replaces the first. Deployments beyond the tenth go."""
        async with self._database.write() as db:
            await lock_app(db, app_id)
            await db.execute(
                delete(KEPT_LOGS).where(
                    KEPT_LOGS.c.app_id == app_id,
                    KEPT_LOGS.c.deployment == deployment,
                    KEPT_LOGS.c.instance == instance,
                )
            )
            await db.execute(
                insert(KEPT_LOGS).values(
                    app_id=app_id,
                    deployment=deployment,
                    instance=instance,
                    kept_at=datetime.now(UTC),
                    lines=[line.model_dump() for line in newest(lines)],
                )
            )
            numbers = await db.execute(
                select(KEPT_LOGS.c.deployment)
                .where(KEPT_LOGS.c.app_id == app_id)
                .distinct()
                .order_by(KEPT_LOGS.c.deployment.desc())
                .offset(KEPT_DEPLOYMENTS)
            )
            old = list(numbers.scalars())
            if old:
                await db.execute(delete(KEPT_LOGS).where(KEPT_LOGS.c.app_id == app_id, KEPT_LOGS.c.deployment.in_(old)))

    async def kept(self, app_id: str) -> Sequence[LogLine]:
        """Give all kept lines of an app, in order of time."""
        async with self._database.read() as db:
            rows = await db.execute(select(KEPT_LOGS.c.lines).where(KEPT_LOGS.c.app_id == app_id))
            lines = [LogLine.model_validate(line) for row in rows for line in row.lines]
        return sorted(lines, key=lambda line: (line.at, line.instance))
