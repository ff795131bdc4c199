"""Teams and who is in them. A change is judged and made in one transaction, with the team's row locked."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from loco_server.records.database import Database
from loco_server.records.people import user_record
from loco_server.records.suspensions import reason
from loco_server.records.tables import APPS, MEMBERSHIPS, TEAMS, TOKENS, USERS
from loco_server.records.tables_access import INVITATIONS
from loco_server.records.values import MemberRecord, Standing, TeamRecord
from loco_spec import names

Judge = Callable[[Standing], None]
"""Raises what speaks against the change; then nothing is written."""

_MEMBER = select(
    USERS.c.id, USERS.c.login, USERS.c.suspended_at, USERS.c.suspended_reason, MEMBERSHIPS.c.role, TEAMS.c.personal_of
).select_from(
    MEMBERSHIPS.join(USERS, USERS.c.id == MEMBERSHIPS.c.user_id).join(TEAMS, TEAMS.c.id == MEMBERSHIPS.c.team_id)
)


class Teams:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: str) -> list[tuple[TeamRecord, MemberRecord]]:
        """Give the person's teams by name, each with the person as its member."""
        wanted = (
            _MEMBER.add_columns(
                TEAMS.c.id.label("team_id"),
                TEAMS.c.name,
                TEAMS.c.suspended_at.label("team_suspended_at"),
                TEAMS.c.suspended_reason.label("team_suspended_reason"),
            )
            .where(MEMBERSHIPS.c.user_id == user_id)
            .order_by(TEAMS.c.name)
        )
        async with self._database.read() as db:
            rows = (await db.execute(wanted)).all()
        return [
            (TeamRecord(id=row.team_id, name=row.name, suspended=reason(row, "team_")), _member(row)) for row in rows
        ]

    async def create(self, name: str, user_id: str) -> TeamRecord | None:
        """Make a team with the person as its owner; None when the name is taken, by a team or as somebody's login."""
        team = TeamRecord(id=names.new_id(), name=name)
        try:
            async with self._database.write() as db:
                if await db.scalar(select(USERS.c.id).where(USERS.c.login == name)) is not None:
                    return None
                await db.execute(insert(TEAMS).values(id=team.id, name=name, created_at=datetime.now(UTC)))
                await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user_id, role="owner"))
        except IntegrityError:
            return None
        return team

    async def members(self, team_id: str) -> list[MemberRecord]:
        async with self._database.read() as db:
            rows = await db.execute(_MEMBER.where(MEMBERSHIPS.c.team_id == team_id).order_by(USERS.c.login))
            return [_member(row) for row in rows]

    async def change(
        self, team: TeamRecord, actor_id: str, login: str, role: str | None, judge: Judge
    ) -> MemberRecord | None:
        """Give a member another role, or (None) take them out, with what they made for the team: tokens, invitations.

        None is the answer where nobody of that name is in the team.
        """
        async with self._database.write() as db:
            standing = await _standing(db, team, actor_id, USERS.c.login == login)
            if standing is None:
                return None
            judge(standing)
            user_id = standing.subject.user.id
            this = (MEMBERSHIPS.c.team_id == team.id, MEMBERSHIPS.c.user_id == user_id)
            if role is None:
                await db.execute(delete(MEMBERSHIPS).where(*this))
                await _forget_what_they_gave(db, team.id, user_id)
            else:
                await db.execute(update(MEMBERSHIPS).where(*this).values(role=role))
            return standing.subject

    async def delete(self, team: TeamRecord, actor_id: str, judge: Callable[[Standing, Sequence[str]], None]) -> None:
        """Remove the team with its memberships, invitations and tokens; `judge` hears its apps too."""
        async with self._database.write() as db:
            standing = await _standing(db, team, actor_id, USERS.c.id == actor_id)
            apps = (
                await db.execute(select(APPS.c.name).where(APPS.c.team_id == team.id).order_by(APPS.c.name))
            ).scalars()
            if standing is not None:
                judge(standing, tuple(apps))
                await db.execute(delete(TEAMS).where(TEAMS.c.id == team.id))


async def _standing(db: AsyncConnection, team: TeamRecord, actor_id: str, subject: Any) -> Standing | None:
    """Within a transaction: lock the team, and give what a change of it is judged by."""
    personal_of = await db.scalar(select(TEAMS.c.personal_of).where(TEAMS.c.id == team.id).with_for_update())
    of_team = MEMBERSHIPS.c.team_id == team.id
    found = (await db.execute(_MEMBER.where(of_team, subject))).first()
    actor = await db.scalar(select(MEMBERSHIPS.c.role).where(of_team, MEMBERSHIPS.c.user_id == actor_id))
    owners = await db.scalar(
        select(func.count()).select_from(MEMBERSHIPS).where(of_team, MEMBERSHIPS.c.role == "owner")
    )
    if found is None:
        return None
    return Standing(
        team=team, actor=actor, subject=_member(found), owners=owners or 0, personal=personal_of is not None
    )


async def _forget_what_they_gave(db: AsyncConnection, team_id: str, user_id: str) -> None:
    """Who comes back later starts anew: no token and no open code of before works again."""
    await db.execute(
        update(TOKENS)
        .where(TOKENS.c.team_id == team_id, TOKENS.c.user_id == user_id, TOKENS.c.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
    )
    await db.execute(
        delete(INVITATIONS).where(
            INVITATIONS.c.team_id == team_id, INVITATIONS.c.invited_by == user_id, INVITATIONS.c.used_at.is_(None)
        )
    )


def _member(row: Any) -> MemberRecord:
    return MemberRecord(user=user_record(row, id_=row.id), role=row.role, personal=row.personal_of == row.id)
