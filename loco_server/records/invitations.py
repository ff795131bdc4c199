"""Invitations: codes that let somebody in, once. Only their SHA-256 is kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from loco_server.records.database import Database
from loco_server.records.people import user_record
from loco_server.records.suspensions import reason
from loco_server.records.tables import MEMBERSHIPS, TEAMS, USERS
from loco_server.records.tables_access import INVITATIONS
from loco_server.records.values import InvitationRecord, TeamRecord

_SELECT = (
    select(
        INVITATIONS,
        TEAMS.c.name.label("team"),
        TEAMS.c.suspended_at.label("team_suspended_at"),
        TEAMS.c.suspended_reason.label("team_suspended_reason"),
        USERS.c.login,
        USERS.c.suspended_at,
        USERS.c.suspended_reason,
        MEMBERSHIPS.c.role.label("inviter_role"),
    )
    .outerjoin(TEAMS, TEAMS.c.id == INVITATIONS.c.team_id)
    .outerjoin(USERS, USERS.c.id == INVITATIONS.c.invited_by)
    .outerjoin(
        MEMBERSHIPS,
        (MEMBERSHIPS.c.team_id == INVITATIONS.c.team_id) & (MEMBERSHIPS.c.user_id == INVITATIONS.c.invited_by),
    )
)


class Invitations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, made: InvitationRecord) -> None:
        async with self._database.write() as db:
            await db.execute(
                insert(INVITATIONS).values(
                    id=made.id,
                    team_id=None if made.team is None else made.team.id,
                    role=made.role,
                    sha256=made.sha256,
                    note=made.note,
                    invited_by=None if made.invited_by is None else made.invited_by.id,
                    created_at=made.created_at,
                    expires_at=made.expires_at,
                )
            )

    async def get(self, invitation_id: str) -> InvitationRecord | None:
        async with self._database.read() as db:
            row = (await db.execute(_SELECT.where(INVITATIONS.c.id == invitation_id))).first()
        return None if row is None else _record(row)

    async def open(self, team_id: str | None) -> list[InvitationRecord]:
        """Give what still lets somebody in, oldest first; None: the operator's, into the platform alone."""
        wanted = _SELECT.where(
            INVITATIONS.c.team_id == team_id,
            INVITATIONS.c.used_at.is_(None),
            INVITATIONS.c.expires_at > datetime.now(UTC),
        ).order_by(INVITATIONS.c.created_at)
        async with self._database.read() as db:
            return [_record(row) for row in await db.execute(wanted)]

    async def revoke(self, team_id: str | None, invitation_id: str) -> bool:
        """Forget an unused one of that team; whether there was one."""
        async with self._database.write() as db:
            found = await db.execute(
                delete(INVITATIONS).where(
                    INVITATIONS.c.id == invitation_id,
                    INVITATIONS.c.team_id == team_id,
                    INVITATIONS.c.used_at.is_(None),
                )
            )
            return found.rowcount > 0

    async def use(
        self, invitation_id: str, user_id: str, judge: Callable[[InvitationRecord | None, str | None], None]
    ) -> InvitationRecord | None:
        """Use it up, and let the person into its team, when `judge` says nothing against it.

        `judge` hears the invitation as it is within the transaction, and the role that the person has already.
        """
        async with self._database.write() as db:
            # The team is locked first, as by all changes of it: the giver must not lose the right meanwhile.
            of_team = select(INVITATIONS.c.team_id).where(INVITATIONS.c.id == invitation_id).scalar_subquery()
            await db.execute(select(TEAMS.c.id).where(TEAMS.c.id == of_team).with_for_update())
            wanted = _SELECT.where(INVITATIONS.c.id == invitation_id).with_for_update(of=INVITATIONS)
            row = (await db.execute(wanted)).first()
            found = None if row is None else _record(row)
            team = None if found is None else found.team
            role = None
            if team is not None:
                this = (MEMBERSHIPS.c.team_id == team.id, MEMBERSHIPS.c.user_id == user_id)
                role = await db.scalar(select(MEMBERSHIPS.c.role).where(*this))
            judge(found, role)
            if found is None:
                return None
            if team is not None:
                await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user_id, role=found.role))
            await db.execute(
                update(INVITATIONS)
                .where(INVITATIONS.c.id == invitation_id)
                .values(used_at=datetime.now(UTC), used_by=user_id)
            )
            return found

    async def claim(self, invitation_id: str) -> bool:
        """Use it up before it is known for whom; whether it was there to be used."""
        now = datetime.now(UTC)
        async with self._database.write() as db:
            found = await db.execute(
                update(INVITATIONS)
                .where(
                    INVITATIONS.c.id == invitation_id, INVITATIONS.c.used_at.is_(None), INVITATIONS.c.expires_at > now
                )
                .values(used_at=now)
            )
            return found.rowcount > 0

    async def fulfil(self, invitation_id: str, user_id: str) -> str | None:
        """Write down for whom it was claimed, and let them into its team, whose id this gives."""
        async with self._database.write() as db:
            this = INVITATIONS.c.id == invitation_id
            row = (
                await db.execute(
                    select(INVITATIONS.c.team_id, INVITATIONS.c.role, TEAMS.c.suspended_at)
                    .outerjoin(TEAMS, TEAMS.c.id == INVITATIONS.c.team_id)
                    .where(this)
                )
            ).one()
            if row.team_id is not None and row.suspended_at is None:  # it may have been suspended since it was claimed
                await db.execute(insert(MEMBERSHIPS).values(team_id=row.team_id, user_id=user_id, role=row.role))
            await db.execute(update(INVITATIONS).where(this).values(used_by=user_id))
            return None if row.team_id is None else str(row.team_id)


def _record(row: Any) -> InvitationRecord:
    team = inviter = None
    if row.team_id is not None:
        team = TeamRecord(id=row.team_id, name=row.team, suspended=reason(row, "team_"))
    if row.invited_by is not None:
        inviter = user_record(row, id_=row.invited_by)
    return InvitationRecord(
        id=row.id,
        team=team,
        role=row.role,
        note=row.note,
        invited_by=inviter,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used=row.used_at is not None,
        sha256=row.sha256,
        inviter_role=row.inviter_role,
    )
