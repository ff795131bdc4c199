"""How busy teams are, for the operator who looks for the one that is too busy."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select

from loco_server.records.database import Database
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS


@dataclass(frozen=True)
class TeamActivity:
    team_id: str
    team: str
    apps: int
    deployments: int
    failures: int
    """Of these deployments, those that failed."""


class Load:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def teams(self, *, within: timedelta) -> list[TeamActivity]:
        """Give every team with an app: what it has, and what it deployed lately."""
        recent = DEPLOYMENTS.c.created_at > datetime.now(UTC) - within
        failed = case((DEPLOYMENTS.c.state == "failed", 1), else_=0)
        counted = (
            select(DEPLOYMENTS.c.app_id, func.count().label("deployments"), func.sum(failed).label("failures"))
            .where(recent)
            .group_by(DEPLOYMENTS.c.app_id)
            .subquery()
        )
        wanted = (
            select(
                TEAMS.c.id,
                TEAMS.c.name,
                func.count(APPS.c.id).label("apps"),
                func.coalesce(func.sum(counted.c.deployments), 0).label("deployments"),
                func.coalesce(func.sum(counted.c.failures), 0).label("failures"),
            )
            .join(APPS, APPS.c.team_id == TEAMS.c.id)
            .outerjoin(counted, counted.c.app_id == APPS.c.id)
            .group_by(TEAMS.c.id, TEAMS.c.name)
            .order_by(TEAMS.c.name)
        )
        async with self._database.read() as db:
            return [
                TeamActivity(row.id, row.name, row.apps, int(row.deployments), int(row.failures))
                for row in await db.execute(wanted)
            ]
