"""Apps, and the hosts and routes they own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.database import Database, insert_missing
from loco_server.records.quotas import Judge, judged
from loco_server.records.suspensions import OWNER, columns, reason
from loco_server.records.tables import APP_USE, APPS, HOSTS, ROUTES, TEAMS
from loco_server.records.values import AppRecord
from loco_server.units import UnitRoute

HOST_HELD = timedelta(days=7)
"""How long a host stays its team's after the last route has gone."""


def _record(row: Row[tuple[object, ...]]) -> AppRecord:
    return AppRecord(
        id=row.id,
        team_id=row.team_id,
        team=row.team,
        name=row.name,
        pull_generation=row.pull_generation,
        created_at=row.created_at,
        destroying=row.destroying_at is not None,
        suspended=_suspended(row),
        unused=row.suspended_at is not None and row.suspended_at == row.stopped_at,
        source=row.source,
        deployers=tuple(row.deployers),
    )


def _suspended(row: Row[tuple[object, ...]]) -> str | None:
    """With the app, its team, or the person whose personal team that is."""
    for what, prefix in ((f"app {row.name}", ""), (f"team {row.team}", "team_"), (f"user {row.owner}", "owner_")):
        why = reason(row, prefix)
        if why is not None:
            return f"{what} is suspended: {why}"
    return None


_SELECT = (
    select(
        APPS,
        TEAMS.c.name.label("team"),
        *columns(TEAMS, "team_"),
        OWNER.c.login.label("owner"),
        APP_USE.c.stopped_at,
        *columns(OWNER, "owner_"),
    )
    .join(TEAMS, TEAMS.c.id == APPS.c.team_id)
    .outerjoin(OWNER, OWNER.c.id == TEAMS.c.personal_of)
    .outerjoin(APP_USE, APP_USE.c.app_id == APPS.c.id)
)


class Apps:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, team_id: str, name: str) -> AppRecord | None:
        async with self._database.look() as db:
            row = (await db.execute(_SELECT.where(APPS.c.team_id == team_id, APPS.c.name == name))).first()
        return None if row is None else _record(row)

    async def by_id(self, app_id: str) -> AppRecord | None:
        async with self._database.look() as db:
            row = (await db.execute(_SELECT.where(APPS.c.id == app_id))).first()
        return None if row is None else _record(row)

    async def of_team(self, team_id: str) -> list[AppRecord]:
        async with self._database.look() as db:
            return [_record(row) for row in await db.execute(_SELECT.where(APPS.c.team_id == team_id))]

    async def all(self) -> list[AppRecord]:
        async with self._database.look() as db:
            return [_record(row) for row in await db.execute(_SELECT)]

    async def create(self, app: AppRecord, judge: Judge | None = None) -> AppRecord:
        """Write the app down, unless `judge` raises, or give the one of that name which is there already."""
        async with self._database.write() as db:
            await judged(db, app, judge)
            await insert_missing(
                db,
                APPS,
                id=app.id,
                team_id=app.team_id,
                name=app.name,
                last_number=0,
                pull_generation=app.pull_generation,
                created_at=app.created_at,
                destroying_at=None,
            )
        found = await self.find(app.team_id, app.name)
        if found is None:
            raise LookupError(f"app {app.name} went away while it was made")
        return found

    async def set_source(self, app_id: str, source: str, deployers: Sequence[str]) -> None:
        """Decide from where it may be deployed, and by which users (ids) all the same."""
        async with self._database.write() as db:
            await db.execute(update(APPS).where(APPS.c.id == app_id).values(source=source, deployers=list(deployers)))

    async def mark_destroying(self, app_id: str) -> None:
        async with self._database.write() as db:
            await db.execute(
                update(APPS)
                .where(APPS.c.id == app_id)
                .values(destroying_at=datetime.now(UTC), pull_generation=APPS.c.pull_generation + 1)
            )

    async def delete(self, app_id: str) -> None:
        """Forget the app and all that hangs on it; its hosts are held for its team a while longer."""
        async with self._database.write() as db:
            await lock_app(db, app_id)
            await take_routes(db, app_id, ())
            await db.execute(delete(APPS).where(APPS.c.id == app_id))

    async def host_owner(self, host: str) -> str | None:
        """Give the id of the team that a host belongs to; None: it is free, empty: held for a team that is gone."""
        async with self._database.look() as db:
            row = (await db.execute(select(HOSTS).where(HOSTS.c.host == host))).first()
        if row is None or (row.free_at is not None and row.free_at <= datetime.now(UTC)):
            return None
        return str(row.team_id or "")

    async def route_owner(self, host: str, path: str) -> str | None:
        """Give the id of the app that a route belongs to."""
        async with self._database.look() as db:
            found = await db.scalar(select(ROUTES.c.app_id).where(ROUTES.c.host == host, ROUTES.c.path == path))
        return None if found is None else str(found)


class RouteTakenError(Exception):
    """The host is another team's, or the route another app's."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(f"{host}{path}")
        self.host = host
        self.path = path


async def lock_app(db: AsyncConnection, app_id: str) -> None:
    """Within a transaction: whoever else is about to change what the app has waits (new events are no such thing)."""
    await db.execute(select(APPS.c.id).where(APPS.c.id == app_id).with_for_update(key_share=True))


async def claim_routes(db: AsyncConnection, app_id: str, team_id: str, routes: Sequence[UnitRoute]) -> None:
    """Within a transaction: make the routes the app's, keeping those it has (the live deployment still uses them).

    Raises:
        RouteTakenError: somebody else has one of them.
    """
    now = datetime.now(UTC)
    for route in sorted(routes, key=lambda route: route.host):  # two that want the same hosts must not wait in a ring
        await insert_missing(db, HOSTS, host=route.host, team_id=team_id, free_at=None)
        row = (await db.execute(select(HOSTS).where(HOSTS.c.host == route.host).with_for_update(key_share=True))).one()
        if row.team_id != team_id and (row.free_at is None or row.free_at > now):
            raise RouteTakenError(route.host, route.path)
        await db.execute(update(HOSTS).where(HOSTS.c.host == route.host).values(team_id=team_id, free_at=None))
        await insert_missing(db, ROUTES, host=route.host, path=route.path, app_id=app_id)
        owner = await db.scalar(select(ROUTES.c.app_id).where(ROUTES.c.host == route.host, ROUTES.c.path == route.path))
        if owner != app_id:
            raise RouteTakenError(route.host, route.path)


async def take_routes(db: AsyncConnection, app_id: str, keep: Sequence[UnitRoute]) -> None:
    """Within a transaction: drop the app's routes that are not in `keep`; a host left without any is held a while."""
    kept = {(route.host, route.path) for route in keep}
    rows = (await db.execute(select(ROUTES.c.host, ROUTES.c.path).where(ROUTES.c.app_id == app_id))).all()
    held = sorted({row.host for row in rows})
    # Before the routes are counted: another app of the team may be about to get one on the same host.
    await db.execute(
        select(HOSTS.c.host).where(HOSTS.c.host.in_(held)).order_by(HOSTS.c.host).with_for_update(key_share=True)
    )
    for row in rows:
        if (row.host, row.path) not in kept:
            await db.execute(delete(ROUTES).where(ROUTES.c.host == row.host, ROUTES.c.path == row.path))
    for host in held:
        left = await db.scalar(select(func.count()).select_from(ROUTES).where(ROUTES.c.host == host))
        if not left:
            await db.execute(update(HOSTS).where(HOSTS.c.host == host).values(free_at=datetime.now(UTC) + HOST_HELD))
