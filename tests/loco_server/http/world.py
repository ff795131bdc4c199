"""People, teams, apps and tokens of every kind, made once: each test that changes something gets a copy."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event, insert, select, update

from loco_server.policy import tokens
from loco_server.records import schema
from loco_server.records.tables import MEMBERSHIPS, METADATA, TEAMS, TOKENS, USERS
from loco_server.records.values import InvitationRecord, TeamRecord
from loco_spec.version import VERSION, VERSION_HEADER
from tests.loco_server.http.api import Api, live, running
from tests.loco_server.records.databases import Records, sqlite_url

ROLES = {"olga": "owner", "adam": "admin", "dora": "developer", "vic": "viewer"}
"""Who is what in team acme, and in the suspended team frozen."""


@dataclass(frozen=True)
class Actor:
    """Somebody with a token, and what the table must say of them in team acme (or `team`)."""

    name: str
    role: str | None = None
    can: str | None = None
    app: str | None = None
    """The token is for this app alone."""
    team: str = "acme"
    refused: int | None = None
    """Whatever is asked, the answer is this."""
    frozen: bool = False


ACTORS = (
    Actor("anonymous", refused=401),
    *(Actor(login, role=role) for login, role in ROLES.items()),
    Actor("omar"),  # another team's owner
    Actor("expired", refused=401),
    Actor("revoked", refused=401),
    Actor("sue", refused=403),  # suspended
    *(Actor(f"frozen-{login}", role=role, team="frozen", frozen=True) for login, role in ROLES.items()),
    *(Actor(f"can-{can}", role="owner", can=can) for can in ("read", "deploy", "admin")),
    Actor("can-admin-of-a-viewer", role="viewer", can="admin"),
    Actor("can-admin-of-nobody", can="admin"),  # who made it has left the team
    Actor("of-the-app", role="owner", can="admin", app="shop"),
    Actor("of-another-app", role="owner", can="admin", app="blog"),
    Actor("of-another-team", can="admin"),
)


class World:
    """A server in the state that `make` left, and everybody's tokens."""

    def __init__(self, server: Api, texts: dict[str, str]) -> None:
        self.server = server
        self._texts = texts
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(server.app), base_url="http://loco", headers={VERSION_HEADER: VERSION}
        )

    async def ask(self, actor: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._texts[actor]}"} if actor in self._texts else {}
        return await self.client.request(method, path, headers=headers, json=body)

    async def statements(
        self, actor: str, method: str, path: str, body: Any = None
    ) -> tuple[httpx.Response, list[str]]:
        """Ask, and give the answer with the text of every statement that the database was sent for it."""
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            sent.append(statement)

        engine = self.server.records.database._engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            return await self.ask(actor, method, path, body), sent
        finally:
            event.remove(engine, "before_cursor_execute", note)

    async def rows(self) -> dict[str, list[Any]]:
        """Everything in the records but when a token was used."""
        found = {}
        async with self.server.records.database.read() as db:
            for table in METADATA.sorted_tables:
                wanted = [column for column in table.c if column.name not in {"used_from", "used_at", "expires_at"}]
                rows = await db.execute(select(*wanted).order_by(*table.primary_key.columns))
                found[table.name] = [tuple(row) for row in rows]
        return found

    async def member(self, login: str, team: str, role: str) -> None:
        """Put somebody into a team."""
        async with self.server.records.database.write() as db:
            team_id = await db.scalar(select(TEAMS.c.id).where(TEAMS.c.name == team))
            user_id = await db.scalar(select(USERS.c.id).where(USERS.c.login == login))
            await db.execute(insert(MEMBERSHIPS).values(team_id=team_id, user_id=user_id, role=role))

    async def id(self, login: str) -> str:
        async with self.server.records.database.read() as db:
            return str(await db.scalar(select(USERS.c.id).where(USERS.c.login == login)))


@dataclass(frozen=True)
class Template:
    """The records as `make` left them, closed; and everybody's tokens."""

    file: Path
    texts: dict[str, str]

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[World]:
        """Give a copy of the world; what is done to it is done to nobody else's."""
        folder.mkdir()
        shutil.copy(self.file, folder / "loco.db")
        records = Records(sqlite_url(folder))
        async with running(records, folder) as server:
            world = World(server, self.texts)
            yield world
            await world.client.aclose()
        await records.database.close()


async def make(folder: Path) -> Template:
    url = sqlite_url(folder)
    schema.upgrade(url)
    records = Records(url)
    texts: dict[str, str] = {}
    async with running(records, folder) as server:
        for login in (*ROLES, "omar", "sue", "gone"):
            user = await records.people.signed_in("local", login, login)
            texts[login] = texts[f"frozen-{login}"] = (await server.login.session(user)).token
            if login == "olga":
                acme = await _team(records, "acme", user.id)
                frozen = await _team(records, "frozen", user.id)
                second = await _team(records, "second", user.id)
            elif login == "omar":
                await _team(records, "other", user.id)
            elif login in ROLES or login == "sue":
                for team in (acme, frozen):
                    await _put(records, team, user.id, ROLES.get(login, "admin"))
        olga = await server.client("olga")
        for place, app in (("acme", "shop"), ("acme", "blog"), ("frozen", "shop")):
            await live(server, olga, place, app, spec={"routes": [{"host": f"{app}-{place}"}]})
        omar = await server.client("omar")
        await live(server, omar, "other", "shop", spec={"routes": [{"host": "shop-other"}]})
        for name, login, team, only, can in (
            ("can-read", "olga", acme, None, "read"),
            ("can-deploy", "olga", acme, None, "deploy"),
            ("can-admin", "olga", acme, None, "admin"),
            ("can-admin-of-a-viewer", "vic", acme, None, "admin"),
            ("can-admin-of-nobody", "gone", acme, None, "admin"),
            ("of-the-app", "olga", acme, "shop", "admin"),
            ("of-another-app", "olga", acme, "blog", "admin"),
            ("of-another-team", "olga", second, None, "admin"),
        ):
            texts[name] = await _access(records, login, team, only, can)
        for name in ("expired", "revoked"):
            user = await records.people.signed_in("local", "olga", "olga")
            texts[name] = (await server.login.session(user)).token
        now = datetime.now(UTC)
        async with records.database.write() as db:
            await db.execute(_token(texts["expired"]).values(expires_at=now - timedelta(seconds=1)))
            await db.execute(_token(texts["revoked"]).values(revoked_at=now))
            gone = {"suspended_at": now, "suspended_reason": "mining"}
            await db.execute(update(USERS).where(USERS.c.login == "sue").values(gone))
            await db.execute(update(TEAMS).where(TEAMS.c.name == "frozen").values(gone))
            await db.execute(update(TOKENS).values(used_at=now + timedelta(hours=1)))  # noted by nobody in the tests
        await _foreign_things(records, acme)
    await records.database.close()
    return Template(folder / "loco.db", texts)


INVITATION, TOKEN = "iiiiiiiiii", "tttttttttt"
"""Ids of an invitation and of an access token of team acme."""


async def _foreign_things(records: Records, acme: TeamRecord) -> None:
    olga = await records.people.signed_in("local", "olga", "olga")
    now = datetime.now(UTC)
    await records.invitations.add(
        InvitationRecord(
            id=INVITATION,
            team=acme,
            role="viewer",
            note=None,
            invited_by=olga,
            created_at=now,
            expires_at=now + timedelta(days=7),
            used=False,
            sha256="0" * 64,
        )
    )
    await records.people.add_token(
        TOKEN,
        olga.id,
        kind="access",
        sha256="0" * 64,
        expires_at=now + timedelta(days=7),
        name="a machine",
        team_id=acme.id,
        can="read",
    )


async def _team(records: Records, name: str, owner: str) -> TeamRecord:
    team = await records.teams.create(name, owner)
    assert team is not None
    return team


async def _put(records: Records, team: TeamRecord, user_id: str, role: str) -> None:
    async with records.database.write() as db:
        await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user_id, role=role))


async def _access(records: Records, login: str, team: TeamRecord, app_name: str | None, can: str) -> str:
    user = await records.people.signed_in("local", login, login)
    app = None if app_name is None else await records.apps.find(team.id, app_name)
    made = tokens.new("access")
    await records.people.add_token(
        made.id,
        user.id,
        kind="access",
        sha256=made.sha256,
        expires_at=datetime.now(UTC) + timedelta(days=7),
        name=f"{login} {can}",
        team_id=team.id,
        app_id=None if app is None else app.id,
        can=can,
    )
    return made.text


def _token(text: str) -> Any:
    return update(TOKENS).where(TOKENS.c.id == tokens.token_id(text))
