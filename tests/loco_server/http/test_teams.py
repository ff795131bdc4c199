"""Teams over HTTP: made, joined by a code that works once, changed, left and deleted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from loco_server.records.tables import TEAMS, TOKENS, USERS
from loco_server.records.tables_access import INVITATIONS
from loco_spec.errors import Conflict, InvalidRequest, NotAllowed, NotFound, NotSignedIn, Refused
from tests.loco_server.http.api import Api, live, refused

pytestmark = pytest.mark.anyio

ACME = "/v1/teams/acme"


@pytest.fixture
async def acme(ann: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner of team acme."""
    assert (await ann.post("/v1/teams", json={"name": "acme"})).status_code == 201
    return ann


async def invite(by: httpx.AsyncClient, role: str = "developer", team: str = "acme") -> str:
    answer = await by.post(f"/v1/teams/{team}/invitations", json={"role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def join(by: httpx.AsyncClient, code: str) -> httpx.Response:
    return await by.post("/v1/join", json={"code": code})


async def member(server: Api, owner: httpx.AsyncClient, login: str, role: str) -> httpx.AsyncClient:
    client = await server.client(login)
    assert (await join(client, await invite(owner, role))).status_code == 200
    return client


async def roles(by: httpx.AsyncClient, team: str = "acme") -> dict[str, str]:
    answer = await by.get(f"/v1/teams/{team}/members")
    return {each["user"]: each["role"] for each in answer.json()["members"]}


async def test_who_makes_a_team_owns_it(acme: httpx.AsyncClient) -> None:
    assert await roles(acme) == {"ann": "owner"}
    assert (await acme.get("/v1/teams")).json()["teams"] == [
        {"name": "acme", "role": "owner", "personal": False, "suspended": None},
        {"name": "ann", "role": "owner", "personal": True, "suspended": None},
    ]


@pytest.mark.parametrize("name", ["acme", "ann", "bob"])
async def test_a_name_that_is_a_teams_or_a_persons_is_taken(server: Api, acme: httpx.AsyncClient, name: str) -> None:
    await server.client("bob")
    assert isinstance(refused(await acme.post("/v1/teams", json={"name": name})), Conflict)


@pytest.mark.parametrize("body", [{"name": "Not A Slug"}, {"name": ""}, {}, {"name": "acme", "colour": "red"}])
async def test_what_is_no_name_makes_no_team(ann: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert isinstance(refused(await ann.post("/v1/teams", json=body)), InvalidRequest)


async def test_one_person_owns_so_many_teams_and_no_more(ann: httpx.AsyncClient) -> None:
    for number in range(19):  # and the own one
        assert (await ann.post("/v1/teams", json={"name": f"team{number}"})).status_code == 201
    assert isinstance(refused(await ann.post("/v1/teams", json={"name": "straw"})), Refused)


async def test_an_invitation_lets_one_person_in_with_its_role(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme, "viewer")
    bob, eve = await server.client("bob"), await server.client("eve")
    joined = await join(bob, code)
    assert joined.json() == {"name": "acme", "role": "viewer", "personal": False, "suspended": None}
    assert await roles(acme) == {"ann": "owner", "bob": "viewer"}
    assert isinstance(refused(await join(eve, code)), Conflict)
    assert isinstance(refused(await join(bob, code)), Conflict)
    assert "eve" not in await roles(acme)


async def test_used_by_many_at_once_it_lets_in_one(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme)
    clients = [await server.client(f"u{number}") for number in range(6)]
    answers = await asyncio.gather(*(join(client, code) for client in clients))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]
    assert len(await roles(acme)) == 2


async def test_the_list_shows_open_invitations_and_never_a_code(server: Api, acme: httpx.AsyncClient) -> None:
    answer = await acme.post(f"{ACME}/invitations", json={"role": "admin", "note": "for Bob"})
    made = answer.json()
    await join(await server.client("eve"), await invite(acme))
    listed = await acme.get(f"{ACME}/invitations")
    assert listed.json()["invitations"] == [made["invitation"]]
    assert (made["invitation"]["note"], made["invitation"]["invited_by"]) == ("for Bob", "ann")
    assert made["code"].startswith(f"loco_invite_{made['invitation']['id']}_")
    assert made["code"] not in listed.text
    async with server.records.database.read() as db:
        kept = [tuple(row) for row in await db.execute(select(INVITATIONS))]
    assert made["code"] not in str(kept)
    life = datetime.fromisoformat(made["invitation"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < life <= timedelta(days=7)


async def test_a_revoked_invitation_lets_nobody_in_and_is_gone_from_the_list(
    server: Api, acme: httpx.AsyncClient
) -> None:
    code = await invite(acme)
    path = f"{ACME}/invitations/{code.split('_')[2]}"
    assert (await acme.delete(path)).status_code == 204
    assert isinstance(refused(await acme.delete(path)), NotFound)
    assert isinstance(refused(await join(await server.client("bob"), code)), NotFound)
    assert (await acme.get(f"{ACME}/invitations")).json() == {"invitations": []}


async def test_an_invitation_ends_after_its_time(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme)
    async with server.records.database.write() as db:
        await db.execute(update(INVITATIONS).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert isinstance(refused(await join(await server.client("bob"), code)), Conflict)
    assert (await acme.get(f"{ACME}/invitations")).json() == {"invitations": []}


@pytest.mark.parametrize("spoil", [lambda code: code[:-1], lambda _: "loco_invite_aaaaaaaaaa_x", lambda _: ""])
async def test_a_code_that_is_not_quite_right_is_none(server: Api, acme: httpx.AsyncClient, spoil: Any) -> None:
    code = await invite(acme)
    assert isinstance(refused(await join(await server.client("bob"), spoil(code))), NotFound)


async def test_the_right_id_with_another_secret_is_none(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme)
    async with server.records.database.write() as db:
        await db.execute(update(INVITATIONS).values(sha256="0" * 64))
    assert isinstance(refused(await join(await server.client("bob"), code)), NotFound)


async def test_nobody_joins_without_a_session(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme)
    nobody = await server.client(None)
    assert isinstance(refused(await join(nobody, code)), NotSignedIn)
    made = await acme.post("/v1/teams/ann/tokens", json={"name": "ci", "can": "admin"})
    nobody.headers["authorization"] = f"Bearer {made.json()['token']}"
    assert isinstance(refused(await join(nobody, code)), NotAllowed)


async def test_a_suspended_team_takes_nobody_in(server: Api, acme: httpx.AsyncClient) -> None:
    code = await invite(acme)
    async with server.records.database.write() as db:
        suspended = {"suspended_at": datetime.now(UTC), "suspended_reason": "mining"}
        await db.execute(update(TEAMS).where(TEAMS.c.name == "acme").values(suspended))
    error = refused(await join(await server.client("bob"), code))
    assert isinstance(error, NotAllowed)
    assert "mining" in error.message
    assert (await acme.get("/v1/teams")).json()["teams"][0]["suspended"] == "mining"


async def test_an_admin_gives_admin_at_the_most(server: Api, acme: httpx.AsyncClient) -> None:
    bob = await member(server, acme, "bob", "admin")
    await member(server, acme, "eve", "viewer")
    assert isinstance(refused(await bob.post(f"{ACME}/invitations", json={"role": "owner"})), NotAllowed)
    assert isinstance(refused(await bob.patch(f"{ACME}/members/eve", json={"role": "owner"})), NotAllowed)
    answer = await bob.patch(f"{ACME}/members/eve", json={"role": "admin"})
    assert answer.json() == {"user": "eve", "role": "admin", "personal": False, "suspended": None}
    assert await roles(acme) == {"ann": "owner", "bob": "admin", "eve": "admin"}


async def test_an_admin_neither_demotes_nor_removes_an_owner(server: Api, acme: httpx.AsyncClient) -> None:
    bob = await member(server, acme, "bob", "admin")
    assert isinstance(refused(await bob.patch(f"{ACME}/members/ann", json={"role": "viewer"})), NotAllowed)
    assert isinstance(refused(await bob.delete(f"{ACME}/members/ann")), NotAllowed)
    assert await roles(acme) == {"ann": "owner", "bob": "admin"}


async def test_a_code_of_somebody_who_was_demoted_or_has_left_lets_nobody_in(
    server: Api, acme: httpx.AsyncClient
) -> None:
    bob, eve = await member(server, acme, "bob", "admin"), await server.client("eve")
    first, second = await invite(bob, "admin"), await invite(bob, "viewer")
    await acme.patch(f"{ACME}/members/bob", json={"role": "developer"})
    assert isinstance(refused(await join(eve, first)), NotAllowed)
    await acme.delete(f"{ACME}/members/bob")
    assert (await join(bob, await invite(acme, "admin"))).status_code == 200
    for code in (first, second):  # not even once they are back
        assert isinstance(refused(await join(eve, code)), NotFound)


async def test_the_last_owner_stays(server: Api, acme: httpx.AsyncClient) -> None:
    assert isinstance(refused(await acme.post(f"{ACME}/leave")), Conflict)
    assert isinstance(refused(await acme.patch(f"{ACME}/members/ann", json={"role": "admin"})), Conflict)
    assert isinstance(refused(await acme.delete(f"{ACME}/members/ann")), Conflict)
    bob = await member(server, acme, "bob", "owner")
    assert (await acme.post(f"{ACME}/leave")).status_code == 204
    assert await roles(bob) == {"bob": "owner"}
    assert isinstance(refused(await acme.get(f"{ACME}/members")), NotFound)


async def test_two_owners_who_leave_at_once_do_not_leave_the_team_alone(server: Api, acme: httpx.AsyncClient) -> None:
    bob = await member(server, acme, "bob", "owner")
    answers = await asyncio.gather(acme.post(f"{ACME}/leave"), bob.post(f"{ACME}/leave"))
    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_a_personal_team_is_neither_left_nor_deleted_nor_taken_over(server: Api, ann: httpx.AsyncClient) -> None:
    bob = await server.client("bob")
    assert (await join(bob, await invite(ann, "owner", team="ann"))).status_code == 200
    own = "/v1/teams/ann"
    for answer in (
        await ann.post(f"{own}/leave"),
        await ann.delete(own),
        await bob.delete(own),
        await bob.delete(f"{own}/members/ann"),
        await bob.patch(f"{own}/members/ann", json={"role": "viewer"}),
    ):
        assert isinstance(refused(answer), Conflict)
    assert (await bob.post(f"{own}/leave")).status_code == 204
    assert await roles(ann, "ann") == {"ann": "owner"}


async def test_a_team_is_deleted_when_it_has_no_apps(server: Api, acme: httpx.AsyncClient) -> None:
    bob = await member(server, acme, "bob", "admin")
    await live(server, acme, "acme")
    assert isinstance(refused(await bob.delete(ACME)), NotAllowed)
    error = refused(await acme.delete(ACME))
    assert isinstance(error, Conflict)
    assert "shop" in error.message
    assert (await acme.delete(f"{ACME}/apps/shop")).status_code == 200
    await acme.post(f"{ACME}/tokens", json={"name": "ci", "can": "read"})
    await invite(acme)
    assert (await acme.delete(ACME)).status_code == 204
    assert [team["name"] for team in (await bob.get("/v1/teams")).json()["teams"]] == ["bob"]
    async with server.records.database.read() as db:
        assert (await db.execute(select(INVITATIONS).where(INVITATIONS.c.used_at.is_(None)))).all() == []
        assert (await db.execute(select(TOKENS).where(TOKENS.c.kind == "access"))).all() == []


async def test_somebody_who_is_not_in_the_team_is_told_as_not_found(server: Api, acme: httpx.AsyncClient) -> None:
    await server.client("bob")
    for answer in (
        await acme.delete(f"{ACME}/members/bob"),
        await acme.patch(f"{ACME}/members/bob", json={"role": "viewer"}),
    ):
        error = refused(answer)
        assert isinstance(error, NotFound)
        assert "bob is not in team acme" in error.message


async def test_so_many_open_invitations_and_no_more(server: Api, acme: httpx.AsyncClient) -> None:
    one = server.services.teams
    object.__setattr__(one._limits, "invitations_per_team", 2)
    await invite(acme)
    await invite(acme)
    error = refused(await acme.post(f"{ACME}/invitations", json={"role": "viewer"}))
    assert isinstance(error, Refused)


async def test_the_operators_invitation_is_into_the_platform_and_into_no_team(
    server: Api, ann: httpx.AsyncClient
) -> None:
    teams = server.services.teams
    made = await teams.invite_to_platform("for Bob")
    assert await teams.invitations(None) == (await teams.invitations(None)).model_copy(
        update={"invitations": (made.invitation,)}
    )
    error = refused(await join(ann, made.code))
    assert isinstance(error, Conflict)
    assert (await teams.offer(made.code)).team is None
    claimed = await asyncio.gather(*(teams.claim(made.code) for _ in range(5)))
    assert sorted(filter(None, claimed)) == [made.invitation.id]
    await teams.fulfil(made.invitation.id, await server.records.people.signed_in("local", "bob", "bob"))
    with pytest.raises(Conflict, match="used already"):
        await teams.offer(made.code)
    second = await teams.invite_to_platform(None)
    await teams.revoke_invitation(None, second.invitation.id)
    with pytest.raises(NotFound):
        await teams.offer(second.code)
    assert (await teams.invitations(None)).invitations == ()


async def test_a_teams_invitation_lets_a_newcomer_into_the_platform_and_the_team(
    server: Api, acme: httpx.AsyncClient
) -> None:
    code = await invite(acme, "viewer")
    bob = await server.records.people.signed_in("local", "bob", "bob")
    claimed = await server.services.teams.claim(code)
    assert claimed is not None
    await server.services.teams.fulfil(claimed, bob)
    assert await server.services.teams.claim(code) is None
    assert await roles(acme) == {"ann": "owner", "bob": "viewer"}


async def test_a_members_suspension_is_seen_by_the_team(server: Api, acme: httpx.AsyncClient) -> None:
    await member(server, acme, "bob", "viewer")
    async with server.records.database.write() as db:
        suspended = {"suspended_at": datetime.now(UTC), "suspended_reason": "spam"}
        await db.execute(update(USERS).where(USERS.c.login == "bob").values(suspended))
    listed = (await acme.get(f"{ACME}/members")).json()["members"]
    assert [each["suspended"] for each in listed] == [None, "spam"]
