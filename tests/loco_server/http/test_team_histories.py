"""Whatever people do to teams, in whatever order: a team has an owner, nobody gains what nobody with it gave, and what
was used or revoked never works again. Through the real API, on real records; what is true is read from the records.
"""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert, select

from loco_server.policy.permissions import CAN, ROLES, Permission
from loco_server.records import schema
from loco_server.records.tables import MEMBERSHIPS, TEAMS, USERS
from loco_server.settings import Settings
from tests.loco_server.http.api import Api
from tests.loco_server.records.databases import NOW, Records, sqlite_url

PEOPLE = ("ann", "bob", "cyd", "dan", "eve", "fay", "gus")
AT_FIRST = {
    "acme": {"ann": "owner", "bob": "admin", "cyd": "developer", "dan": "viewer", "eve": "owner"},
    "ann": {"bob": "owner"},
}
"""Beside everybody in a team of their own."""
Roles = dict[str, dict[str, str]]
"""Team → login → role."""
Done = TypeVar("Done")


@dataclass
class Code:
    text: str
    team: str
    role: str
    giver: str
    open: bool = True
    """Neither used nor revoked, and its giver has been in the team ever since."""


@dataclass
class Token:
    text: str
    id: str
    team: str
    can: str
    maker: str
    good: bool = True
    """Not revoked, and its maker has been in the team ever since."""


@dataclass(frozen=True)
class Gift:
    """What may have grown by this step: the rights of whom, in which team, out of whose."""

    team: str
    to: str
    rights: frozenset[Permission]


PROBES: tuple[tuple[Permission, str, str], ...] = (
    (Permission.APP_READ, "GET", "/v1/teams/{team}/apps"),
    (Permission.APP_DEPLOY, "POST", "/v1/teams/{team}/apps/none/redeploy"),
    (Permission.APP_DESTROY, "DELETE", "/v1/teams/{team}/apps/none"),
    (Permission.TEAM_READ, "GET", "/v1/teams/{team}/members"),
    (Permission.TEAM_MANAGE, "POST", "/v1/teams/{team}/invitations"),
    (Permission.TOKENS_MANAGE, "GET", "/v1/teams/{team}/tokens"),
    (Permission.TEAM_OWN, "DELETE", "/v1/teams/{team}"),
)
"""An endpoint for each kind of right that changes nothing when it is let in: there is no such app, or no body."""

people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 9)
roles = st.sampled_from(tuple(ROLES))


class Histories(RuleBasedStateMachine):
    teams = Bundle("teams")
    codes = Bundle("codes")
    tokens = Bundle("tokens")

    template: ClassVar[Path]
    """Records as `furnish` leaves them; each history gets a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        path = Path(self.folder.name)
        shutil.copy(self.template, path / "loco.db")
        self.runner = asyncio.Runner()
        self.records = Records(sqlite_url(path))
        self.server = Api(self.records, Settings(data_dir=path))
        self.clients = {login: self.run(self.server.client(login)) for login in PEOPLE}
        self.nobody = self.run(self.server.client(None))
        self.all_codes: list[Code] = []
        self.all_tokens: list[Token] = []
        self.made = 0
        self.before = self.run(self.read())
        self.gift: Gift | None = None

    def run(self, work: Coroutine[Any, Any, Done]) -> Done:
        return self.runner.run(work)

    def ask(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self.run(self.clients[who].request(method, path, json=body))
        assert answer.status_code < 500, answer.text
        return answer

    def rights(self, team: str, who: str) -> frozenset[Permission]:
        """What somebody had before this step."""
        return ROLES.get(self.before.get(team, {}).get(who, ""), frozenset())

    def one_of(self, team: str, number: int) -> str:
        """Give somebody: mostly of the team, at times anybody."""
        members = sorted(self.before.get(team, ()))
        return members[number % len(members)] if members and number < 8 else PEOPLE[number % len(PEOPLE)]

    def manager(self, team: str, number: int) -> str:
        """Give somebody who manages the team, so that most of what is tried is possible; at times anybody."""
        found = [who for who in PEOPLE if Permission.TEAM_MANAGE in self.rights(team, who)]
        return found[number % len(found)] if found and number < 8 else PEOPLE[number % len(PEOPLE)]

    def outsider(self, team: str, number: int) -> str:
        """Give somebody who is not in the team, where there is one."""
        found = [login for login in PEOPLE if login not in self.before.get(team, ())]
        return found[number % len(found)] if found else PEOPLE[number % len(PEOPLE)]

    @initialize(target=teams)
    def first_teams(self) -> Any:
        return multiple("acme", "ann")  # the shared one, and somebody's own

    @initialize(target=codes)
    def first_codes(self) -> Any:
        given = (("bob", "viewer"), ("ann", "admin"), ("bob", "admin"), ("eve", "owner"))
        return multiple(*(self.invited(giver, "acme", role) for giver, role in given))

    @precondition(lambda self: self.made < 2)
    @rule(target=teams, who=people)
    def create(self, who: str) -> Any:
        self.made += 1
        name = f"team{self.made}"
        assert self.ask(who, "POST", "/v1/teams", {"name": name}).status_code == 201
        self.gift = Gift(name, who, ROLES["owner"])
        return name

    @rule(target=codes, n=numbers, team=teams, role=roles)
    def invite(self, n: int, team: str, role: str) -> Any:
        who = self.manager(team, n)
        made = self.invited(who, team, role)
        return multiple() if made is None else made

    def invited(self, who: str, team: str, role: str) -> Code | None:
        answer = self.ask(who, "POST", f"/v1/teams/{team}/invitations", {"role": role})
        if answer.status_code != 201:
            return None
        self.all_codes.append(Code(answer.json()["code"], team, role, who))
        return self.all_codes[-1]

    @rule(n=numbers, code=codes)
    def join(self, n: int, code: Code) -> None:
        who = self.outsider(code.team, n)
        if self.ask(who, "POST", "/v1/join", {"code": code.text}).status_code == 200:
            assert code.open, "a used or revoked code, or one of somebody who had left, let somebody in"
            assert Permission.TEAM_MANAGE in self.rights(code.team, code.giver), "its giver may not do so any more"
            code.open = False
            self.gift = Gift(code.team, who, self.rights(code.team, code.giver) & ROLES[code.role])

    @rule(n=numbers, code=codes)
    def revoke_code(self, n: int, code: Code) -> None:
        who = self.manager(code.team, n)
        path = f"/v1/teams/{code.team}/invitations/{code.text.split('_')[2]}"
        if self.ask(who, "DELETE", path).status_code == 204:
            assert Permission.TEAM_MANAGE in self.rights(code.team, who)
            code.open = False

    @rule(n=numbers, team=teams, m=numbers, role=roles)
    def give_role(self, n: int, team: str, m: int, role: str) -> None:
        self.give(self.manager(team, n), team, self.one_of(team, m), role)

    @rule(n=numbers, code=codes, role=roles)
    def give_role_to_a_giver(self, n: int, code: Code, role: str) -> None:
        """What somebody gave may depend on what they have."""
        self.give(self.manager(code.team, n), code.team, code.giver, role)

    def give(self, who: str, team: str, whom: str, role: str) -> None:
        had = self.rights(team, whom)
        if self.ask(who, "PATCH", f"/v1/teams/{team}/members/{whom}", {"role": role}).status_code == 200:
            assert Permission.TEAM_MANAGE in self.rights(team, who)
            assert had <= self.rights(team, who), "somebody with more was changed"
            self.gift = Gift(team, whom, self.rights(team, who))

    @rule(n=numbers, team=teams, m=numbers)
    def remove(self, n: int, team: str, m: int) -> None:
        who, whom = self.manager(team, n), self.one_of(team, m)
        if self.ask(who, "DELETE", f"/v1/teams/{team}/members/{whom}").status_code == 204:
            assert Permission.TEAM_MANAGE in self.rights(team, who)
            assert self.rights(team, whom) <= self.rights(team, who), "somebody with more was removed"
            self.forget(team, whom)

    @rule(n=numbers, team=teams)
    def leave(self, n: int, team: str) -> None:
        who = self.one_of(team, n)
        if self.ask(who, "POST", f"/v1/teams/{team}/leave").status_code == 204:
            self.forget(team, who)

    @precondition(lambda self: self.made > 0)
    @rule(n=numbers, team=teams)
    def delete(self, n: int, team: str) -> None:
        who = self.one_of(team, n)
        if self.ask(who, "DELETE", f"/v1/teams/{team}").status_code == 204:
            assert Permission.TEAM_OWN in self.rights(team, who)
            for login in PEOPLE:
                self.forget(team, login)

    @rule(target=tokens, n=numbers, team=teams, can=st.sampled_from(tuple(CAN)))
    def make_token(self, n: int, team: str, can: str) -> Any:
        who = self.one_of(team, n)
        answer = self.ask(who, "POST", f"/v1/teams/{team}/tokens", {"name": "ci", "can": can})
        if answer.status_code != 201:
            return multiple()
        assert CAN[can] <= self.rights(team, who)
        made = answer.json()
        self.all_tokens.append(Token(made["token"], made["access"]["id"], team, can, who))
        return self.all_tokens[-1]

    @rule(n=numbers, token=tokens)
    def revoke_token(self, n: int, token: Token) -> None:
        who = self.one_of(token.team, n)
        if self.ask(who, "DELETE", f"/v1/teams/{token.team}/tokens/{token.id}").status_code == 204:
            assert who == token.maker or Permission.TEAM_MANAGE in self.rights(token.team, who)
            token.good = False

    @rule(token=tokens)
    def use_token(self, token: Token) -> None:
        """It does what it can and its maker may, by the role that the maker has now, and nothing else."""
        may = CAN[token.can] & self.rights(token.team, token.maker)
        for permission, method, path in PROBES:
            headers = {"authorization": f"Bearer {token.text}"}
            answer = self.run(self.nobody.request(method, path.format(team=token.team), headers=headers))
            if not token.good:
                assert answer.status_code == 401
            elif permission not in may:
                assert answer.status_code == 403
            else:
                assert answer.status_code == 200 or "has no app none" in answer.text

    @invariant()
    def every_team_has_an_owner_and_nobody_gained_what_nobody_gave(self) -> None:
        now = self.run(self.read())
        for team, members in now.items():
            assert "owner" in members.values(), f"{team} has no owner: {members}"
            for login, role in members.items():
                gained = ROLES[role] - self.rights(team, login)
                given = (
                    self.gift.rights if self.gift and (team, login) == (self.gift.team, self.gift.to) else frozenset()
                )
                assert gained <= given, f"{login} gained {gained} in {team}"
        assert all(now[login][login] == "owner" for login in PEOPLE)
        self.before, self.gift = now, None

    def forget(self, team: str, login: str) -> None:
        for code in self.all_codes:
            if (code.team, code.giver) == (team, login):
                code.open = False
        for token in self.all_tokens:
            if (token.team, token.maker) == (team, login):
                token.good = False

    async def read(self) -> Roles:
        wanted = (
            select(TEAMS.c.name, USERS.c.login, MEMBERSHIPS.c.role)
            .select_from(TEAMS.outerjoin(MEMBERSHIPS).outerjoin(USERS, USERS.c.id == MEMBERSHIPS.c.user_id))
        )  # fmt: skip
        found: Roles = {}
        async with self.records.database.read() as db:
            for row in await db.execute(wanted):
                members = found.setdefault(row.name, {})
                if row.login is not None:
                    members[row.login] = row.role
        return found

    def teardown(self) -> None:
        async def close() -> None:
            await self.server.close()
            await self.records.database.close()

        for token in self.all_tokens:
            self.use_token(token)
        self.run(close())
        self.runner.close()
        self.folder.cleanup()


async def furnish(url: str) -> None:
    records = Records(url)
    users = {login: (await records.people.signed_in("local", login, login)).id for login in PEOPLE}
    async with records.database.write() as db:
        await db.execute(insert(TEAMS).values(id="acmeacmeac", name="acme", created_at=NOW))
        for team, members in AT_FIRST.items():
            team_id = await db.scalar(select(TEAMS.c.id).where(TEAMS.c.name == team))
            for login, role in members.items():
                await db.execute(insert(MEMBERSHIPS).values(team_id=team_id, user_id=users[login], role=role))
    await records.database.close()


def test_histories_of_teams(size: Callable[[str], int], tmp_path: Path) -> None:
    schema.upgrade(sqlite_url(tmp_path))
    asyncio.run(furnish(sqlite_url(tmp_path)))
    run_state_machine_as_test(
        type("TeamHistories", (Histories,), {"template": tmp_path / "loco.db"}),
        settings=settings(
            max_examples=size("team_histories"),
            stateful_step_count=40,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
