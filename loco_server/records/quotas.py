"""What teams have, counted, and what the operator allows them beside the defaults."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.database import Database
from loco_server.records.deployment_rows import AHEAD
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS
from loco_server.records.values import AppRecord, TeamUsage, needs
from loco_spec.kinds.service import Service

_HOUR = timedelta(hours=1)
Judge = Callable[[TeamUsage], None]
"""Raises what speaks against it; then nothing is written."""


class Quotas:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def team_id(self, name: str) -> str | None:
        async with self._database.read() as db:
            return await db.scalar(select(TEAMS.c.id).where(TEAMS.c.name == name))

    async def get(self, team_id: str) -> dict[str, int]:
        """Give the team's overrides, by the quota's name."""
        async with self._database.read() as db:
            return dict(await db.scalar(select(TEAMS.c.quota).where(TEAMS.c.id == team_id)) or {})

    async def change(self, team_id: str, to: Callable[[Mapping[str, int]], Mapping[str, int]]) -> None:
        """Give a team other overrides, made of those that it has; what `to` raises leaves it as it is."""
        this = TEAMS.c.id == team_id
        async with self._database.write() as db:
            await lock_team(db, team_id)
            before = dict(await db.scalar(select(TEAMS.c.quota).where(this)) or {})
            after = dict(to(before))
            if after != before:
                await db.execute(update(TEAMS).where(this).values(quota=after))

    async def usage(self, team_id: str, without_app: str | None = None) -> TeamUsage:
        async with self._database.read() as db:
            return await usage(db, team_id, without_app)


async def lock_team(db: AsyncConnection, team_id: str) -> None:
    """Within a transaction: whoever else is about to add to what the team has waits. Before any app is locked."""
    await db.execute(select(TEAMS.c.id).where(TEAMS.c.id == team_id).with_for_update(key_share=True))


async def judged(db: AsyncConnection, app: AppRecord, judge: Judge | None) -> None:
    """Within a transaction: hear what speaks against more for the app, while nobody else adds to its team."""
    if judge is not None:
        await lock_team(db, app.team_id)
        judge(await usage(db, app.team_id, app.name))


async def usage(db: AsyncConnection, team_id: str, without_app: str | None) -> TeamUsage:
    """Count, with the app of that name apart: of each app the larger of what is live and what is about to be."""
    now, of_team = datetime.now(UTC), APPS.c.team_id == team_id
    deployments = DEPLOYMENTS.join(APPS, APPS.c.id == DEPLOYMENTS.c.app_id)
    ahead = select(APPS.c.name, DEPLOYMENTS.c.spec).select_from(deployments)
    most: dict[str, Counter[str]] = {}
    for row in await db.execute(ahead.where(of_team, DEPLOYMENTS.c.state.in_(AHEAD))):
        most[row.name] = most.get(row.name, Counter()) | needs(Service.stored(row.spec))
    own = most.pop(without_app or "", Counter())
    names = set(await db.scalars(select(APPS.c.name).where(of_team)))
    given = select(DEPLOYMENTS.c.created_at).select_from(deployments)
    times = await db.scalars(
        given.where(of_team, DEPLOYMENTS.c.created_at > now - _HOUR).order_by(DEPLOYMENTS.c.created_at)
    )
    return TeamUsage(
        overrides=await db.scalar(select(TEAMS.c.quota).where(TEAMS.c.id == team_id)) or {},
        apps=len(names),
        has_app=without_app in names,
        own=own,
        others=sum(most.values(), Counter()),
        hour=tuple(ceil((at + _HOUR - now).total_seconds()) for at in times),
    )
