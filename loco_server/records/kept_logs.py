"""The last words of instances that ended: at most 1 MB each, of the last ten deployments of an app.

Of the deployments before them a row without an instance says since when nothing is kept.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from loco_server.records.apps import lock_app
from loco_server.records.database import Database
from loco_server.records.tables import KEPT_LOGS
from loco_spec.events import LogLine

KEPT_BYTES = 1 << 20
KEPT_DEPLOYMENTS = 10
DROPPED = ""
"""Stands in place of an instance's name where its deployment's lines are kept no more."""


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
                    lines=[asdict(line) for line in newest(lines)],
                )
            )
            numbers = await db.execute(
                select(KEPT_LOGS.c.deployment)
                .where(KEPT_LOGS.c.app_id == app_id, KEPT_LOGS.c.instance != DROPPED)
                .distinct()
                .order_by(KEPT_LOGS.c.deployment.desc())
                .offset(KEPT_DEPLOYMENTS)
            )
            old = list(numbers.scalars())
            if old:
                await db.execute(delete(KEPT_LOGS).where(KEPT_LOGS.c.app_id == app_id, KEPT_LOGS.c.deployment.in_(old)))
                now = datetime.now(UTC)
                gone = {"app_id": app_id, "instance": DROPPED, "kept_at": now, "lines": []}
                await db.execute(insert(KEPT_LOGS), [{**gone, "deployment": number} for number in old])

    async def dropped_at(self, app_id: str, deployment: int) -> datetime | None:
        """Since when a deployment's lines are kept no more; None: some are, or none ever were."""
        this = (KEPT_LOGS.c.app_id == app_id) & (KEPT_LOGS.c.deployment == deployment)
        async with self._database.read() as db:
            return await db.scalar(select(KEPT_LOGS.c.kept_at).where(this, KEPT_LOGS.c.instance == DROPPED))

    async def kept(self, app_id: str, instance: str | None = None) -> Sequence[LogLine]:
        """Give all kept lines of an app, or of one instance, in order of time."""
        of_app = KEPT_LOGS.c.app_id == app_id
        wanted = of_app if instance is None else of_app & (KEPT_LOGS.c.instance == instance)
        async with self._database.read() as db:
            rows = await db.execute(select(KEPT_LOGS.c.lines).where(wanted))
            lines = [LogLine(**line) for row in rows for line in row.lines]
        return sorted(lines, key=lambda line: (line.at, line.instance))
