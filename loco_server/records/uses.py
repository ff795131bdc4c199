"""When apps were last used, and what was begun because they were not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.apps import lock_app
from loco_server.records.database import Database, insert_missing
from loco_server.records.suspensions import OWNER
from loco_server.records.tables import APP_USE, APPS, DEPLOYMENTS, TEAMS, TOKENS
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_spec.events import ENDED

_OURS = ("loco", "operator")
"""Whose events are no sign that a team uses its app."""


@dataclass(frozen=True)
class Use:
    """What the records know of an app's use."""

    app_id: str
    app: str
    team_id: str
    team: str
    deployed_at: datetime
    """When its newest deployment was made; without any, when the app was."""
    used_at: datetime | None
    """The newest sign of use besides."""
    counted: bool
    """Whether its requests are counted; where they are not, deployments and changes are all there is to see."""
    inner: bool
    """It runs without a route: nobody but its team's other apps can reach it."""
    in_flight: bool
    """A deployment of it is on its way."""
    suspended: bool
    """For another reason, or with its team or its owner."""
    destroying: bool = False
    warned_at: datetime | None = None
    stopped_at: datetime | None = None
    """It is stopped since then because nobody uses it."""

    @property
    def last(self) -> datetime:
        """The newest sign of use."""
        return self.deployed_at if self.used_at is None else max(self.deployed_at, self.used_at)


Still = Callable[[Use], bool]
"""Whether what was decided holds for what the records say now, under the app's lock."""


class Uses:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Use]:
        """Give every app's use, by team and name."""
        async with self._database.read() as db:
            return await _read(db)

    async def count(self, requests: Mapping[str, int], now: datetime) -> None:
        """Note how many requests the edge has counted for each app (by id): another number than before is a use.

        The edge counts from its own start: a number that fell says that it was started anew.
        """
        async with self._database.read() as db:
            there = set((await db.execute(select(APPS.c.id))).scalars())
            rows = await db.execute(select(APP_USE.c.app_id, APP_USE.c.requests))
            before = {row.app_id: row.requests for row in rows}
        changed = {app: number for app, number in requests.items() if app in there and before.get(app) != number}
        for app_id, number in sorted(changed.items()):
            used = {"used_at": now} if number else {}
            async with self._database.write() as db:
                if await db.scalar(select(APPS.c.id).where(APPS.c.id == app_id)) is not None:
                    await _set(db, app_id, requests=number, **used)

    async def warn(self, app_id: str, now: datetime, still: Still) -> bool:
        """Note that the team is warned; False where that does not hold any more."""
        async with self._database.write() as db:
            if not await _holds(db, app_id, still):
                return False
            await _set(db, app_id, warned_at=now, stopped_at=None)
            return True

    async def stop(self, app_id: str, now: datetime, why: str, still: Still) -> bool:
        """Suspend the app as one that nobody uses; False where that does not hold any more."""
        async with self._database.write() as db:
            if not await _holds(db, app_id, still):
                return False
            await _set(db, app_id, stopped_at=now)
            await _suspend(db, app_id, now, why)
            return True

    async def end(self, app_id: str, now: datetime, still: Still) -> bool:
        """Begin the app's destruction; False where that does not hold any more, or another server has begun it."""
        async with self._database.write() as db:
            if not await _holds(db, app_id, still):
                return False
            await db.execute(update(APPS).where(APPS.c.id == app_id).values(destroying_at=now))
            return True

    async def wake(self, app_id: str) -> bool:
        """Let an app run again that is stopped because nobody used it; False: it is not, or not for that alone."""
        async with self._database.write() as db:
            if not await _holds(db, app_id, lambda use: use.stopped_at is not None and not use.suspended):
                return False
            await _suspend(db, app_id, None, None)
            return True


async def _suspend(db: AsyncConnection, app_id: str, at: datetime | None, why: str | None) -> None:
    """Within a transaction: as `Suspensions.set` does, at the very time that is noted as the stop."""
    changes = {"suspended_at": at, "suspended_reason": why, "pull_generation": APPS.c.pull_generation + 1}
    await db.execute(update(APPS).where(APPS.c.id == app_id).values(**changes))


async def _set(db: AsyncConnection, app_id: str, **values: Any) -> None:
    await insert_missing(db, APP_USE, app_id=app_id)
    await db.execute(update(APP_USE).where(APP_USE.c.app_id == app_id).values(**values))


async def _holds(db: AsyncConnection, app_id: str, still: Still) -> bool:
    await lock_app(db, app_id)
    found = await _read(db, app_id)
    return bool(found) and still(found[0])


async def _read(db: AsyncConnection, app_id: str | None = None) -> list[Use]:
    wanted = (
        select(
            *(APPS.c.id, APPS.c.name, APPS.c.team_id, APPS.c.created_at, APPS.c.destroying_at),
            TEAMS.c.name.label("team"),
            APPS.c.suspended_at,
            TEAMS.c.suspended_at.label("team_suspended_at"),
            OWNER.c.suspended_at.label("owner_suspended_at"),
            *(APP_USE.c.used_at, APP_USE.c.requests, APP_USE.c.warned_at, APP_USE.c.stopped_at),
        )
        .join(TEAMS, TEAMS.c.id == APPS.c.team_id)
        .outerjoin(OWNER, OWNER.c.id == TEAMS.c.personal_of)
        .outerjoin(APP_USE, APP_USE.c.app_id == APPS.c.id)
        .order_by(TEAMS.c.name, APPS.c.name)
    )
    number = select(DEPLOYMENTS.c.app_id, func.max(DEPLOYMENTS.c.created_at)).group_by(DEPLOYMENTS.c.app_id)
    ahead = select(DEPLOYMENTS.c.app_id).where(DEPLOYMENTS.c.state.not_in(ENDED))
    live = select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.routes).where(DEPLOYMENTS.c.state == "live")
    changed = (
        select(APPS.c.id, func.max(AUDIT_EVENTS.c.at))
        .join(AUDIT_EVENTS, (AUDIT_EVENTS.c.team_id == APPS.c.team_id) & (AUDIT_EVENTS.c.app == APPS.c.name))
        .where(AUDIT_EVENTS.c.actor.not_in(_OURS))
        .group_by(APPS.c.id)
    )
    asked = select(TOKENS.c.app_id, func.max(TOKENS.c.used_at)).where(TOKENS.c.app_id.is_not(None))
    asked = asked.group_by(TOKENS.c.app_id)
    if app_id is not None:
        wanted, changed = (each.where(APPS.c.id == app_id) for each in (wanted, changed))
        number, ahead, live = (each.where(DEPLOYMENTS.c.app_id == app_id) for each in (number, ahead, live))
        asked = asked.where(TOKENS.c.app_id == app_id)
    apps = (await db.execute(wanted)).all()
    deployed, signs, tokens = [{row[0]: row[1] for row in await db.execute(each)} for each in (number, changed, asked)]
    under_way = set((await db.execute(ahead)).scalars())
    inner = {row.app_id for row in await db.execute(live) if not row.routes}
    return [
        _use(
            row,
            deployed,
            [signs.get(row.id), tokens.get(row.id)],
            in_flight=row.id in under_way,
            inner=row.id in inner,
        )
        for row in apps
    ]


def _use(
    row: Any, deployed: Mapping[str, datetime], signs: list[datetime | None], *, in_flight: bool, inner: bool
) -> Use:
    # Who suspends it for a reason of their own does so at another time, and who resumes it leaves the stop's behind.
    stopped = row.stopped_at is not None and row.suspended_at == row.stopped_at
    others = row.team_suspended_at is not None or row.owner_suspended_at is not None
    resumed = row.stopped_at is not None and row.suspended_at is None
    used = [at for at in (row.used_at, *signs, row.stopped_at if resumed else None) if at is not None]
    return Use(
        app_id=row.id,
        app=row.name,
        team_id=row.team_id,
        team=row.team,
        deployed_at=deployed.get(row.id, row.created_at),
        used_at=max(used, default=None),
        counted=row.requests is not None,
        inner=inner,
        in_flight=in_flight,
        suspended=others or (row.suspended_at is not None and not stopped),
        destroying=row.destroying_at is not None,
        warned_at=None if resumed else row.warned_at,
        stopped_at=row.stopped_at if stopped else None,
    )
