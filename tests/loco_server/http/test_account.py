"""One's own account: what is shown of it, its sessions, and its end with everything that goes with it."""

import httpx
import pytest
from sqlalchemy import select

from loco_server.records.suspensions import Kind, Suspensions
from loco_server.records.tables import IDENTITIES, MEMBERSHIPS, TEAMS, TOKENS, USERS
from loco_spec.errors import Conflict, NotAllowed, NotFound, NotSignedIn, StillGoing, UsageError
from tests.loco_server.http.api import Api, live, refused
from tests.loco_server.http.test_teams import ACME, acme, member
from tests.loco_server.http.test_tokens import machine, token

__all__ = ["acme"]

pytestmark = pytest.mark.anyio

SESSIONS = "/v1/account/sessions"


async def end(by: httpx.AsyncClient, **more: object) -> httpx.Response:
    return await by.post("/v1/account/delete", json={"confirm": "ann", **more})


async def test_it_shows_who_one_is_to_the_server(acme: httpx.AsyncClient) -> None:
    found = (await acme.get("/v1/account")).json()
    assert (found["user"], found["email"]) == ("ann", None)
    assert found["identities"] == [{"provider": "local", "subject": "ann"}]
    assert [(team["name"], team["personal"]) for team in found["teams"]] == [("acme", False), ("ann", True)]


async def test_sessions_are_listed_with_the_one_that_asks_and_none_of_a_machine(
    server: Api, ann: httpx.AsyncClient
) -> None:
    other = await server.client("ann")
    await token(ann, team="ann")
    await other.get("/v1/me")
    found = (await ann.get(SESSIONS)).json()["sessions"]
    assert [each["current"] for each in found] == [False, True]
    assert [each["used_from"] for each in found] == ["127.0.0.1", "127.0.0.1"]
    assert all(each["used_at"] and each["created_at"] and each["expires_at"] for each in found)


async def test_a_session_is_revoked_by_its_id(server: Api, ann: httpx.AsyncClient) -> None:
    other, bob = await server.client("ann"), await server.client("bob")
    session = other.headers["authorization"].split("_")[2]
    assert isinstance(refused(await bob.delete(f"{SESSIONS}/{session}")), NotFound)
    assert (await ann.delete(f"{SESSIONS}/{session}")).status_code == 204
    assert isinstance(refused(await other.get("/v1/me")), NotSignedIn)
    assert isinstance(refused(await ann.delete(f"{SESSIONS}/{session}")), NotFound)


async def test_all_other_sessions_are_revoked_and_no_token_of_a_machine(server: Api, ann: httpx.AsyncClient) -> None:
    others = [await server.client("ann") for _ in range(3)]
    bot = await machine(server, await token(ann, team="ann"))
    assert (await ann.delete(SESSIONS)).json() == {"revoked": 3}
    for other in others:
        assert isinstance(refused(await other.get("/v1/me")), NotSignedIn)
    assert (await bot.get("/v1/me")).status_code == 200
    assert (await ann.delete(SESSIONS)).json() == {"revoked": 0}


async def test_an_account_ends_with_all_that_goes_with_it(server: Api, ann: httpx.AsyncClient) -> None:
    bot, other = await machine(server, await token(ann, team="ann")), await server.client("ann")
    await ann.post("/v1/teams", json={"name": "empty"})
    assert (await end(ann)).json() == {"user": "ann"}
    for client in (ann, bot, other):
        assert isinstance(refused(await client.get("/v1/me")), NotSignedIn)
    async with server.records.database.read() as db:
        for table in (USERS, IDENTITIES, TEAMS, MEMBERSHIPS, TOKENS):
            assert (await db.execute(select(table))).all() == [], table.name


async def test_who_comes_back_is_somebody_new(server: Api, ann: httpx.AsyncClient) -> None:
    before = await server.records.people.signed_in("local", "ann", "ann")
    await end(ann)
    again = await server.records.people.signed_in("local", "ann", "ann")
    assert (again.login, again.id == before.id) == ("ann", False)


async def test_it_must_be_confirmed_by_the_login(ann: httpx.AsyncClient) -> None:
    assert isinstance(refused(await end(ann, confirm="bob")), UsageError)
    assert (await ann.get("/v1/me")).status_code == 200


async def test_apps_of_the_own_team_go_first_or_with_it(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    bot = await machine(server, await token(ann, team="ann"))
    error = refused(await end(ann))
    assert isinstance(error, Conflict)
    assert "shop" in error.message
    assert (await bot.get("/v1/me")).status_code == 200
    assert (await end(ann, with_apps=True)).status_code == 200
    assert await server.records.apps.all() == []
    assert server.registry.images == {}


async def test_an_engine_that_is_down_keeps_the_person_until_it_is_done_and_every_other_token_ends_at_once(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    bot, other = await machine(server, await token(ann, team="ann")), await server.client("ann")
    server.engine.down = 1
    assert isinstance(refused(await end(ann, with_apps=True)), StillGoing)
    for client in (bot, other):
        assert isinstance(refused(await client.get("/v1/me")), NotSignedIn)
    assert (await end(ann, with_apps=True)).status_code == 200


async def test_a_team_that_would_lose_its_only_owner_is_named_until_it_is_handed_over(
    server: Api, acme: httpx.AsyncClient
) -> None:
    bob = await member(server, acme, "bob", "developer")
    bot = await machine(server, await token(acme))
    error = refused(await end(acme, with_apps=True))
    assert isinstance(error, Conflict)
    assert "only owner of: acme" in error.message
    await acme.patch(f"{ACME}/members/bob", json={"role": "owner"})
    assert (await end(acme)).status_code == 200
    assert isinstance(refused(await bot.get("/v1/me")), NotSignedIn)
    assert [each["user"] for each in (await bob.get(f"{ACME}/members")).json()["members"]] == ["bob"]


async def test_with_apps_is_about_the_own_team_alone(server: Api, acme: httpx.AsyncClient) -> None:
    await live(server, acme, "acme")
    error = refused(await end(acme, with_apps=True))
    assert isinstance(error, Conflict)
    assert [app.name for app in await server.records.apps.all()] == ["shop"]


@pytest.mark.parametrize(("kind", "name"), [("team", "ann"), ("app", "ann/shop")])
async def test_what_is_suspended_does_not_go_with_its_owner(
    server: Api, ann: httpx.AsyncClient, kind: Kind, name: str
) -> None:
    await live(server, ann)
    suspensions = Suspensions(server.records.database)
    subject = await suspensions.find(kind, name)
    assert subject is not None
    await suspensions.set(subject, "mines coins")
    error = refused(await end(ann, with_apps=True))
    assert isinstance(error, NotAllowed)
    assert error.message.endswith("is suspended: mines coins")
    await suspensions.set(subject, None)
    assert (await end(ann, with_apps=True)).status_code == 200
