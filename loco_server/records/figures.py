"""Counts of what is in the records, cheap enough to be asked every few seconds: by the index of states, of few rows."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from loco_server.records.database import Database
from loco_server.records.deployment_rows import COMING, ROLLING
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS, USERS
from loco_server.telemetry.figures import AppFigures, Figures


class FiguresOfRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Figures:
        """Give those of the whole installation."""
        state = DEPLOYMENTS.c.state
        counted = select(state, func.count()).group_by(state)
        flying = select(state, DEPLOYMENTS.c.created_at, DEPLOYMENTS.c.leased_until).where(state.in_(COMING))
        rest = select(
            select(func.count()).select_from(APPS).scalar_subquery(),
            select(func.count()).where(APPS.c.suspended_at.is_not(None)).scalar_subquery(),
            select(func.count()).select_from(TEAMS).scalar_subquery(),
            select(func.count()).select_from(USERS).scalar_subquery(),
        )
        async with self._database.look() as db:
            deployments = {row[0]: row[1] for row in await db.execute(counted)}
            under_way = (await db.execute(flying)).all()
            others = (await db.execute(rest)).one()
        now = datetime.now(UTC)
        oldest = dict.fromkeys(COMING, 0.0)
        leases = {"held": 0, "waiting": 0, "expired": 0}
        for row in under_way:
            oldest[row.state] = max(oldest[row.state], (now - row.created_at).total_seconds())
            if row.leased_until is not None and row.leased_until > now:
                leases["held"] += 1
            elif row.state in ROLLING:
                leases["expired"] += 1
            elif row.state == "accepted":
                leases["waiting"] += 1
        return Figures(deployments, oldest, leases, *others)

    async def of_apps(self) -> list[AppFigures]:
        """Give those of each app."""
        wanted = select(APPS.c.id, TEAMS.c.name.label("team"), APPS.c.name, APPS.c.last_number)
        wanted = wanted.join(TEAMS, TEAMS.c.id == APPS.c.team_id).order_by(TEAMS.c.name, APPS.c.name)
        states = ("live", "failed", *COMING)
        counted = select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.state, func.count(), func.max(DEPLOYMENTS.c.number))
        counted = counted.where(DEPLOYMENTS.c.state.in_(states)).group_by(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.state)
        async with self._database.look() as db:
            apps = (await db.execute(wanted)).all()
            found = {(row[0], row[1]): (row[2], row[3]) for row in await db.execute(counted)}
        none = (0, None)
        return [
            AppFigures(
                id=app.id,
                team=app.team,
                name=app.name,
                deployments=app.last_number,
                live=found.get((app.id, "live"), none)[1],
                failed=found.get((app.id, "failed"), none)[0],
                in_flight=sum(found.get((app.id, state), none)[0] for state in COMING),
            )
            for app in apps
        ]
