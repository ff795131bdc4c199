"""Users, their identities, teams and memberships, and the tokens that stand for them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from loco_server.records.database import Database
from loco_server.records.suspensions import OWNER, columns, reason
from loco_server.records.tables import APPS, IDENTITIES, MEMBERSHIPS, TEAMS, TOKENS, USERS
from loco_server.records.values import TeamRecord, UserRecord
from loco_spec import names


@dataclass(frozen=True)
class TokenRecord:
    id: str
    user: UserRecord
    kind: str
    sha256: str
    expires_at: datetime | None
    revoked_at: datetime | None
    name: str | None = None
    team_id: str | None = None
    app_id: str | None = None
    can: str | None = None
    """None: a session, which is its person whole."""
    team: str | None = None
    app: str | None = None
    """The names of what it is for."""
    used_at: datetime | None = None


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, provider: str, subject: str) -> UserRecord | None:
        """Give the user behind an identity; None for a newcomer."""
        async with self._database.read() as db:
            row = (
                await db.execute(
                    select(USERS.c.id, USERS.c.login, USERS.c.suspended_at, USERS.c.suspended_reason)
                    .join(IDENTITIES, IDENTITIES.c.user_id == USERS.c.id)
                    .where(IDENTITIES.c.provider == provider, IDENTITIES.c.subject == subject)
                )
            ).first()
        return None if row is None else user_record(row, id_=row.id)

    async def logins_of(self, team_id: str) -> dict[str, str]:
        """Give the members of a team: login → id."""
        async with self._database.read() as db:
            rows = await db.execute(
                select(USERS.c.login, USERS.c.id)
                .join(MEMBERSHIPS, MEMBERSHIPS.c.user_id == USERS.c.id)
                .where(MEMBERSHIPS.c.team_id == team_id)
            )
            return {str(row.login): str(row.id) for row in rows}

    async def all(self) -> list[tuple[UserRecord, str | None, tuple[str, ...]]]:
        """Give everybody by login, with the verified e-mail address, and by what they sign in: `github:583231`."""
        known: dict[str, list[str]] = {}
        async with self._database.read() as db:
            for row in await db.execute(select(IDENTITIES).order_by(IDENTITIES.c.provider, IDENTITIES.c.subject)):
                known.setdefault(row.user_id, []).append(f"{row.provider}:{row.subject}")
            rows = await db.execute(select(USERS).order_by(USERS.c.login))
            return [(user_record(row, id_=row.id), row.email, tuple(known.get(row.id, ()))) for row in rows]

    async def user(self, user_id: str) -> UserRecord | None:
        async with self._database.read() as db:
            row = (await db.execute(select(USERS).where(USERS.c.id == user_id))).first()
        return None if row is None else user_record(row, id_=row.id)

    async def signed_in(self, provider: str, subject: str, login: str, email: str | None = None) -> UserRecord:
        """Find the user behind an identity, or make one with a personal team named after the login.

        A login or team name that is taken gets a number behind it. `email`: only one that the provider has verified.
        """
        async with self._database.write(alone="names of users and teams") as db:
            row = (
                await db.execute(
                    select(USERS.c.id, USERS.c.login, USERS.c.suspended_at, USERS.c.suspended_reason)
                    .join(IDENTITIES, IDENTITIES.c.user_id == USERS.c.id)
                    .where(IDENTITIES.c.provider == provider, IDENTITIES.c.subject == subject)
                )
            ).first()
            if row is not None:
                if email is not None:
                    await db.execute(update(USERS).where(USERS.c.id == row.id).values(email=email))
                return user_record(row, id_=row.id)
            taken = set((await db.execute(select(USERS.c.login))).scalars())
            taken |= set((await db.execute(select(TEAMS.c.name))).scalars())
            name = names.slugify(login, fallback="user")
            free = name
            count = 1
            while free in taken:
                count += 1
                free = f"{name[: names.APP_NAME_MAX - 5]}-{count}"
            now = datetime.now(UTC)
            user, team = names.new_id(), names.new_id()
            await db.execute(insert(USERS).values(id=user, login=free, email=email, created_at=now))
            await db.execute(insert(IDENTITIES).values(provider=provider, subject=subject, user_id=user))
            await db.execute(insert(TEAMS).values(id=team, name=free, personal_of=user, created_at=now))
            await db.execute(insert(MEMBERSHIPS).values(team_id=team, user_id=user, role="owner"))
            return UserRecord(id=user, login=free)

    async def teams(self, user_id: str) -> list[tuple[TeamRecord, str, bool]]:
        """Give the user's teams: the team, the role in it, and whether it is the personal one. Personal first."""
        async with self._database.read() as db:
            rows = await db.execute(
                select(TEAMS.c.id, TEAMS.c.name, MEMBERSHIPS.c.role, TEAMS.c.personal_of)
                .join(MEMBERSHIPS, MEMBERSHIPS.c.team_id == TEAMS.c.id)
                .where(MEMBERSHIPS.c.user_id == user_id)
                .order_by(TEAMS.c.name)
            )
            found = [(TeamRecord(id=r.id, name=r.name), str(r.role), r.personal_of == user_id) for r in rows]
        return sorted(found, key=lambda item: not item[2])

    async def membership(self, user_id: str, team: str) -> tuple[TeamRecord, str] | None:
        """Give the team and the user's role in it; None when there is no such team or the user is not in it."""
        async with self._database.look() as db:
            row = (
                await db.execute(
                    select(
                        TEAMS.c.id,
                        TEAMS.c.name,
                        TEAMS.c.suspended_at,
                        TEAMS.c.suspended_reason,
                        MEMBERSHIPS.c.role,
                        *columns(OWNER, "owner_"),
                    )
                    .join(MEMBERSHIPS, MEMBERSHIPS.c.team_id == TEAMS.c.id)
                    .outerjoin(OWNER, OWNER.c.id == TEAMS.c.personal_of)
                    .where(MEMBERSHIPS.c.user_id == user_id, TEAMS.c.name == team)
                )
            ).first()
        if row is None:
            return None
        why = reason(row) or reason(row, "owner_")  # a personal team goes with its person
        return TeamRecord(id=row.id, name=row.name, suspended=why), str(row.role)

    async def add_token(
        self,
        token_id: str,
        user_id: str,
        *,
        kind: str,
        sha256: str,
        expires_at: datetime | None,
        name: str | None = None,
        team_id: str | None = None,
        app_id: str | None = None,
        can: str | None = None,
    ) -> datetime:
        """Keep a token's SHA-256; give when that was."""
        now = datetime.now(UTC)
        async with self._database.write() as db:
            await db.execute(
                insert(TOKENS).values(
                    id=token_id,
                    user_id=user_id,
                    kind=kind,
                    sha256=sha256,
                    name=name,
                    team_id=team_id,
                    app_id=app_id,
                    can=can,
                    created_at=now,
                    expires_at=expires_at,
                    revoked_at=None,
                )
            )
        return now

    async def token(self, token_id: str) -> TokenRecord | None:
        async with self._database.look() as db:
            row = (
                await db.execute(
                    select(
                        TOKENS,
                        USERS.c.login,
                        USERS.c.suspended_at,
                        USERS.c.suspended_reason,
                        TEAMS.c.name.label("team"),
                        APPS.c.name.label("app"),
                    )
                    .join(USERS, USERS.c.id == TOKENS.c.user_id)
                    .outerjoin(TEAMS, TEAMS.c.id == TOKENS.c.team_id)
                    .outerjoin(APPS, APPS.c.id == TOKENS.c.app_id)
                    .where(TOKENS.c.id == token_id)
                )
            ).first()
        if row is None:
            return None
        return TokenRecord(
            id=row.id,
            user=user_record(row, id_=row.user_id),
            kind=row.kind,
            sha256=row.sha256,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            name=row.name,
            team_id=row.team_id,
            app_id=row.app_id,
            can=row.can,
            team=row.team,
            app=row.app,
            used_at=row.used_at,
        )

    async def revoke(self, token_id: str) -> None:
        async with self._database.write() as db:
            await db.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(revoked_at=datetime.now(UTC)))

    async def forget_tokens(self, *, ended_before: datetime) -> int:
        """Delete the tokens that had ended or were revoked before then; give how many."""
        ended = or_(TOKENS.c.expires_at < ended_before, TOKENS.c.revoked_at < ended_before)
        async with self._database.write() as db:
            return int((await db.execute(delete(TOKENS).where(ended))).rowcount)

    async def slide(self, token_id: str, expires_at: datetime) -> None:
        """A session that is used lives on."""
        async with self._database.write() as db:
            await db.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(expires_at=expires_at))

    async def used(self, token_id: str, address: str) -> None:
        """Note when a token was used, and from where."""
        async with self._database.write() as db:
            await db.execute(
                update(TOKENS)
                .where(TOKENS.c.id == token_id)
                .values(used_at=datetime.now(UTC), used_from=address[:60] or None)
            )


def user_record(row: Any, *, id_: str) -> UserRecord:
    return UserRecord(id=id_, login=row.login, suspended=reason(row))
