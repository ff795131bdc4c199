"""What tokens of the registry gateway are still good for, as the records say: for servers that did not close it."""

from typing import Any

from sqlalchemy import or_, select

from loco_server.records.database import Database
from loco_server.records.suspensions import OWNER
from loco_server.records.tables import APPS, DEPLOYMENTS, TEAMS, USERS

_CREATOR = USERS.alias("creator")
_HELD = or_(
    APPS.c.destroying_at.is_not(None),
    APPS.c.suspended_at.is_not(None),
    TEAMS.c.suspended_at.is_not(None),
    OWNER.c.suspended_at.is_not(None),
)
"""The app is on its way out, or suspended: itself, its team, or the person whose personal team that is."""


def _of_apps(*wanted: Any) -> Any:
    """Select from apps, with who may hold them."""
    joined = APPS.join(TEAMS, TEAMS.c.id == APPS.c.team_id).outerjoin(OWNER, OWNER.c.id == TEAMS.c.personal_of)
    return select(*wanted).select_from(joined)


class Openings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> set[tuple[str, int]]:
        """Give app id and number of every deployment that an image may be pushed for."""
        async with self._database.read() as db:
            return {(row.app_id, row.number) for row in await db.execute(_OPEN)}

    async def is_open(self, app_id: str, number: int) -> bool:
        wanted = _OPEN.where(DEPLOYMENTS.c.app_id == app_id, DEPLOYMENTS.c.number == number)
        async with self._database.read() as db:
            return (await db.execute(wanted)).first() is not None

    async def held(self) -> list[tuple[str, int]]:
        """Give id and pull generation of every app that nothing may be pulled for."""
        async with self._database.read() as db:
            rows = await db.execute(_of_apps(APPS.c.id, APPS.c.pull_generation).where(_HELD))
            return [(row.id, row.pull_generation) for row in rows]


_OPEN = (
    select(DEPLOYMENTS.c.app_id, DEPLOYMENTS.c.number)
    .outerjoin(_CREATOR, _CREATOR.c.id == DEPLOYMENTS.c.creator_id)
    .where(
        DEPLOYMENTS.c.state == "created",
        _CREATOR.c.suspended_at.is_(None),
        DEPLOYMENTS.c.app_id.not_in(_of_apps(APPS.c.id).where(_HELD)),
    )
)
