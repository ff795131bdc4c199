"""What the builds said: one text a deployment, of the last ten deployments of an app that have one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from loco_server.records.database import Database
from loco_server.records.deployments import this
from loco_server.records.kept_logs import KEPT_DEPLOYMENTS
from loco_server.records.tables import BUILD_LOGS, DEPLOYMENTS


@dataclass(frozen=True)
class BuildLogRecord:
    deployment: int
    kept_at: datetime
    text: str


class BuildLogs:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, app_id: str, deployment: int, text: str) -> bool:
        """Store the log of a deployment that waits for its image still; a second time replaces the first.

        Logs beyond the tenth go. Gives whether it was stored.
        """
        async with self._database.write() as db:
            # Its row is locked until the log is in: whoever hands over the image has to wait for it.
            state = await db.scalar(
                select(DEPLOYMENTS.c.state).where(this(app_id, deployment)).with_for_update(key_share=True)
            )
            if state != "created":
                return False
            of_app = BUILD_LOGS.c.app_id == app_id
            await db.execute(delete(BUILD_LOGS).where(of_app, BUILD_LOGS.c.deployment == deployment))
            await db.execute(
                insert(BUILD_LOGS).values(
                    app_id=app_id,
                    deployment=deployment,
                    kept_at=datetime.now(UTC),
                    text=text.replace("\0", "\N{REPLACEMENT CHARACTER}"),  # the same from both databases
                )
            )
            newest = select(BUILD_LOGS.c.deployment).where(of_app).order_by(BUILD_LOGS.c.deployment.desc())
            old = list((await db.execute(newest.offset(KEPT_DEPLOYMENTS))).scalars())
            if old:
                await db.execute(delete(BUILD_LOGS).where(of_app, BUILD_LOGS.c.deployment.in_(old)))
        return True

    async def get(self, app_id: str, deployment: int | None) -> BuildLogRecord | None:
        """Give a deployment's log; None: the newest that there is."""
        query = select(BUILD_LOGS).where(BUILD_LOGS.c.app_id == app_id).order_by(BUILD_LOGS.c.deployment.desc())
        if deployment is not None:
            query = query.where(BUILD_LOGS.c.deployment == deployment)
        async with self._database.read() as db:
            row = (await db.execute(query.limit(1))).first()
        return None if row is None else BuildLogRecord(row.deployment, row.kept_at, row.text)
