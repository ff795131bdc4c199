"""A person's account as a whole: what the server knows of them, and its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.database import Database
from loco_server.records.suspensions import columns, reason
from loco_server.records.tables import APPS, IDENTITIES, MEMBERSHIPS, TEAMS, USERS
from loco_server.records.values import Holding, TeamRecord
from loco_spec.errors import NotAllowed


@dataclass(frozen=True)
class AccountRecord:
    login: str
    email: str | None
    created_at: datetime
    identities: tuple[tuple[str, str], ...]
    """Provider and subject of each."""


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: str) -> AccountRecord:
        async with self._database.read() as db:
            row = (await db.execute(select(USERS).where(USERS.c.id == user_id))).one()
            wanted = select(IDENTITIES.c.provider, IDENTITIES.c.subject).where(IDENTITIES.c.user_id == user_id)
            identities = await db.execute(wanted.order_by(IDENTITIES.c.provider, IDENTITIES.c.subject))
            return AccountRecord(
                login=row.login,
                email=row.email,
                created_at=row.created_at,
                identities=tuple((each.provider, each.subject) for each in identities),
            )

    async def holdings(self, user_id: str) -> list[Holding]:
        async with self._database.read() as db:
            return await _holdings(db, user_id)

    async def delete(self, user_id: str, judge: Callable[[Sequence[Holding]], Sequence[str]]) -> None:
        """Remove the person, with identities, memberships and tokens, and the teams whose ids `judge` gives.

        `judge` raises what speaks against it; it hears what is true within the transaction, with the teams locked.

        Raises:
            NotAllowed: the person is suspended by now.
        """
        async with self._database.write() as db:
            person = (await db.execute(select(USERS).where(USERS.c.id == user_id).with_for_update())).one()
            theirs = select(MEMBERSHIPS.c.team_id).where(MEMBERSHIPS.c.user_id == user_id)
            await db.execute(select(TEAMS.c.id).where(TEAMS.c.id.in_(theirs)).order_by(TEAMS.c.id).with_for_update())
            why = reason(person)
            if why is not None:  # the suspension would go with the account
                raise NotAllowed(f"{person.login} is suspended: {why}", hint="ask the operator")
            for team_id in judge(await _holdings(db, user_id)):
                await db.execute(delete(TEAMS).where(TEAMS.c.id == team_id))
            await db.execute(delete(USERS).where(USERS.c.id == user_id))


async def _holdings(db: AsyncConnection, user_id: str) -> list[Holding]:
    mine = (
        select(TEAMS.c.id, TEAMS.c.name, TEAMS.c.personal_of, MEMBERSHIPS.c.role, *columns(TEAMS, ""))
        .join(MEMBERSHIPS, MEMBERSHIPS.c.team_id == TEAMS.c.id)
        .where(MEMBERSHIPS.c.user_id == user_id)
        .order_by(TEAMS.c.name)
    )
    found = []
    for row in (await db.execute(mine)).all():
        of_team = select(func.count()).select_from(MEMBERSHIPS).where(MEMBERSHIPS.c.team_id == row.id)
        apps = await db.execute(select(APPS.c.name).where(APPS.c.team_id == row.id).order_by(APPS.c.name))
        found.append(
            Holding(
                team=TeamRecord(id=row.id, name=row.name, suspended=reason(row)),
                personal=row.personal_of == user_id,
                owns=row.role == "owner",
                members=await db.scalar(of_team) or 0,
                owners=await db.scalar(of_team.where(MEMBERSHIPS.c.role == "owner")) or 0,
                apps=tuple(apps.scalars()),
            )
        )
    return found
