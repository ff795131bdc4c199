"""Tokens as people list and revoke them: a team's access tokens, and one's own sessions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update

from loco_server.records.database import Database
from loco_server.records.tables import APPS, TOKENS, USERS


@dataclass(frozen=True)
class ListedToken:
    """A token without anything that could be used."""

    id: str
    name: str
    app: str | None
    can: str
    made_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_from: str | None


_ACCESS = (TOKENS.c.kind == "access", TOKENS.c.revoked_at.is_(None))


class Tokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_team(self, team_id: str) -> list[ListedToken]:
        """Give the team's access tokens that were not revoked, also those whose time is over, oldest first."""
        wanted = (
            select(TOKENS, USERS.c.login, APPS.c.name.label("app"))
            .join(USERS, USERS.c.id == TOKENS.c.user_id)
            .outerjoin(APPS, APPS.c.id == TOKENS.c.app_id)
            .where(TOKENS.c.team_id == team_id, *_ACCESS)
            .order_by(TOKENS.c.created_at)
        )
        async with self._database.read() as db:
            return [_listed(row) for row in await db.execute(wanted)]

    async def count(self, team_id: str) -> int:
        """How many access tokens of the team are good."""
        wanted = select(func.count()).where(
            TOKENS.c.team_id == team_id, TOKENS.c.expires_at > datetime.now(UTC), *_ACCESS
        )
        async with self._database.read() as db:
            return await db.scalar(wanted) or 0

    async def revoke(self, team_id: str, token_id: str, *, of: str | None) -> bool:
        """Revoke an access token of that team, and of that user where one is given; whether there was one."""
        return (
            await self._revoke(
                TOKENS.c.id == token_id,
                TOKENS.c.team_id == team_id,
                TOKENS.c.user_id == (TOKENS.c.user_id if of is None else of),
                *_ACCESS,
            )
            > 0
        )

    async def sessions(self, user_id: str) -> list[ListedToken]:
        """Give the person's sessions that are open, newest first."""
        wanted = (
            select(TOKENS, USERS.c.login)
            .join(USERS, USERS.c.id == TOKENS.c.user_id)
            .where(*_open_sessions(user_id))
            .order_by(TOKENS.c.created_at.desc())
        )
        async with self._database.read() as db:
            return [_listed(row) for row in await db.execute(wanted)]

    async def revoke_session(self, user_id: str, token_id: str) -> bool:
        return await self._revoke(TOKENS.c.id == token_id, *_open_sessions(user_id)) > 0

    async def revoke_other_sessions(self, user_id: str, keep: str) -> int:
        return await self._revoke(TOKENS.c.id != keep, *_open_sessions(user_id))

    async def revoke_all_but(self, user_id: str, keep: str) -> None:
        """Revoke whatever stands for the person, machines' tokens too."""
        await self._revoke(TOKENS.c.user_id == user_id, TOKENS.c.id != keep, TOKENS.c.revoked_at.is_(None))

    async def _revoke(self, *which: Any) -> int:
        async with self._database.write() as db:
            found = await db.execute(update(TOKENS).where(*which).values(revoked_at=datetime.now(UTC)))
            return found.rowcount


def _open_sessions(user_id: str) -> tuple[Any, ...]:
    return (
        TOKENS.c.user_id == user_id,
        TOKENS.c.kind == "session",
        TOKENS.c.revoked_at.is_(None),
        TOKENS.c.expires_at > datetime.now(UTC),
    )


def _listed(row: Any) -> ListedToken:
    return ListedToken(
        id=row.id,
        name=row.name or "",
        app=getattr(row, "app", None),
        can=row.can or "",
        made_by=row.login,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        used_from=row.used_from,
    )
