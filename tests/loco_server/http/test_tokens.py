"""Access tokens for machines: shown once, bounded by their maker whenever they are used, ended at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from loco_server.records.tables import TOKENS
from loco_spec.errors import InvalidRequest, NotAllowed, NotFound, NotSignedIn, Refused
from tests.loco_server.http.api import Api, create, live, refused
from tests.loco_server.http.test_teams import ACME, acme, member

__all__ = ["acme"]

pytestmark = pytest.mark.anyio


async def token(by: httpx.AsyncClient, can: str = "deploy", team: str = "acme", **more: Any) -> dict[str, Any]:
    answer = await by.post(f"/v1/teams/{team}/tokens", json={"name": "ci", "can": can, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def machine(server: Api, made: dict[str, Any]) -> httpx.AsyncClient:
    client = await server.client(None)
    client.headers["authorization"] = f"Bearer {made['token']}"
    return client


async def test_its_text_is_shown_once_and_kept_nowhere(server: Api, acme: httpx.AsyncClient) -> None:
    made = await token(acme, expires="30d")
    assert made["token"].startswith(f"loco_access_{made['access']['id']}_")
    listed = await acme.get(f"{ACME}/tokens")
    assert listed.json()["tokens"] == [made["access"]]
    assert made["token"] not in listed.text
    async with server.records.database.read() as db:
        assert made["token"] not in str([tuple(row) for row in await db.execute(select(TOKENS))])
    life = datetime.fromisoformat(made["access"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < life <= timedelta(days=30)


async def test_it_does_what_it_can_for_its_team_and_nothing_else(server: Api, acme: httpx.AsyncClient) -> None:
    bot = await machine(server, await token(acme, "deploy"))
    await live(server, bot, "acme")
    assert isinstance(refused(await bot.delete(f"{ACME}/apps/shop")), NotAllowed)
    assert isinstance(refused(await bot.get("/v1/teams/ann/apps")), NotFound)
    me = (await bot.get("/v1/me")).json()
    assert me["teams"] == [{"name": "acme", "role": "owner"}]
    assert me["default_team"] == "acme"
    assert me["token"] | {"id": ""} == {
        "id": "", "kind": "access", "name": "ci", "team": "acme", "app": None, "can": "deploy",
    }  # fmt: skip
    assert [team["name"] for team in (await bot.get("/v1/teams")).json()["teams"]] == ["acme"]


async def test_one_for_an_app_sees_no_other_and_nothing_of_the_team(server: Api, acme: httpx.AsyncClient) -> None:
    await live(server, acme, "acme", "shop")
    await live(server, acme, "acme", "blog")
    bot = await machine(server, await token(acme, "admin", app="shop"))
    assert (await bot.get(f"{ACME}/apps/shop")).status_code == 200
    assert isinstance(refused(await bot.get(f"{ACME}/apps/blog")), NotFound)
    assert isinstance(refused(await create(bot, "acme", "new")), NotFound)
    error = refused(await bot.get(f"{ACME}/apps"))
    assert isinstance(error, NotAllowed)
    assert "for app shop alone" in error.message
    assert (await bot.get("/v1/me")).json()["token"]["app"] == "shop"


async def test_an_app_that_is_not_there_gets_no_token(acme: httpx.AsyncClient) -> None:
    answer = await acme.post(f"{ACME}/tokens", json={"name": "ci", "can": "read", "app": "shop"})
    assert isinstance(refused(answer), NotFound)


async def test_it_ends_with_its_app(server: Api, acme: httpx.AsyncClient) -> None:
    await live(server, acme, "acme", "shop")
    bot = await machine(server, await token(acme, "admin", app="shop"))
    assert (await bot.delete(f"{ACME}/apps/shop")).status_code == 200
    assert isinstance(refused(await bot.get("/v1/me")), NotSignedIn)


@pytest.mark.parametrize(("role", "can"), [("developer", "admin"), ("viewer", "deploy"), ("viewer", "read")])
async def test_nobody_makes_one_that_can_more_than_they_may(
    server: Api, acme: httpx.AsyncClient, role: str, can: str
) -> None:
    bob = await member(server, acme, "bob", role)
    assert isinstance(refused(await bob.post(f"{ACME}/tokens", json={"name": "x", "can": can})), NotAllowed)


async def test_a_maker_who_is_demoted_takes_its_rights_along(server: Api, acme: httpx.AsyncClient) -> None:
    bob = await member(server, acme, "bob", "developer")
    bot = await machine(server, await token(bob, "deploy"))
    await live(server, bot, "acme")
    await acme.patch(f"{ACME}/members/bob", json={"role": "viewer"})
    assert isinstance(refused(await create(bot, "acme")), NotAllowed)
    assert (await bot.get(f"{ACME}/apps")).status_code == 200


@pytest.mark.parametrize("how", ["removed", "left"])
async def test_a_maker_who_is_gone_takes_it_along_also_when_they_come_back(
    server: Api, acme: httpx.AsyncClient, how: str
) -> None:
    bob = await member(server, acme, "bob", "developer")
    bot, other = await machine(server, await token(bob)), await machine(server, await token(bob, team="bob"))
    gone = acme.delete(f"{ACME}/members/bob") if how == "removed" else bob.post(f"{ACME}/leave")
    assert (await gone).status_code == 204
    assert isinstance(refused(await bot.get(f"{ACME}/apps")), NotSignedIn)
    await member(server, acme, "bob", "owner")
    assert isinstance(refused(await bot.get(f"{ACME}/apps")), NotSignedIn)
    assert (await other.get("/v1/teams/bob/apps")).status_code == 200


async def test_ones_own_is_revoked_by_oneself_and_anybodys_by_an_admin(server: Api, acme: httpx.AsyncClient) -> None:
    bob, adam = await member(server, acme, "bob", "developer"), await member(server, acme, "adam", "admin")
    of_ann, of_bob = await token(acme), await token(bob)
    assert isinstance(refused(await bob.delete(f"{ACME}/tokens/{of_ann['access']['id']}")), NotFound)
    for by, made in ((bob, of_bob), (adam, of_ann)):
        assert (await by.delete(f"{ACME}/tokens/{made['access']['id']}")).status_code == 204
        assert isinstance(refused(await by.delete(f"{ACME}/tokens/{made['access']['id']}")), NotFound)
        assert isinstance(refused(await (await machine(server, made)).get("/v1/me")), NotSignedIn)
    assert (await acme.get(f"{ACME}/tokens")).json() == {"tokens": []}


async def test_a_session_is_not_revoked_as_an_access_token(acme: httpx.AsyncClient) -> None:
    session = acme.headers["authorization"].split("_")[2]
    assert isinstance(refused(await acme.delete(f"/v1/teams/acme/tokens/{session}")), NotFound)
    assert (await acme.get("/v1/me")).status_code == 200


async def test_its_last_use_is_noted_once_a_minute_with_where_from(server: Api, acme: httpx.AsyncClient) -> None:
    made = await token(acme)
    bot = await machine(server, made)

    async def noted() -> tuple[Any, Any]:
        [found] = (await acme.get(f"{ACME}/tokens")).json()["tokens"]
        return found["used_at"], found["used_from"]

    assert await noted() == (None, None)
    await bot.get("/v1/me")
    first = await noted()
    assert first[1] == "127.0.0.1"
    await bot.get("/v1/me")
    assert await noted() == first
    async with server.records.database.write() as db:
        a_minute_ago = datetime.now(UTC) - timedelta(seconds=61)
        await db.execute(update(TOKENS).where(TOKENS.c.id == made["access"]["id"]).values(used_at=a_minute_ago))
    await bot.get("/v1/me")
    assert (await noted())[0] > first[0]


async def test_a_stream_that_goes_on_is_no_use_of_its_token(server: Api, acme: httpx.AsyncClient) -> None:
    made = await token(acme)
    bot = await machine(server, made)
    await bot.get("/v1/me")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with server.records.database.write() as db:
        await db.execute(update(TOKENS).where(TOKENS.c.id == made["access"]["id"]).values(used_at=long_ago))
    await server.login.caller(made["token"], begun=True)
    [found] = (await acme.get(f"{ACME}/tokens")).json()["tokens"]
    assert datetime.fromisoformat(found["used_at"]) == long_ago
    assert found["used_from"] == "127.0.0.1"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ci", "can": "fly"},
        {"name": "", "can": "read"},
        {"name": "a\nb", "can": "read"},
        {"name": "ci", "can": "read", "expires": "400d"},
        {"name": "ci", "can": "read", "expires": "0d"},
        {"name": "ci", "can": "read", "expires": "never"},
        {"name": "ci", "can": "read", "app": "No Slug"},
        {"name": "ci", "can": "read", "user": "root"},
        {"name": "ci"},
    ],
)
async def test_what_is_no_token_is_not_made(acme: httpx.AsyncClient, body: dict[str, str]) -> None:
    assert isinstance(refused(await acme.post(f"{ACME}/tokens", json=body)), InvalidRequest)


async def test_so_many_good_ones_and_no_more(server: Api, acme: httpx.AsyncClient) -> None:
    object.__setattr__(server.settings.limits, "tokens_per_team", 1)
    made = await token(acme)
    answer = await acme.post(f"{ACME}/tokens", json={"name": "ci", "can": "read"})
    assert isinstance(refused(answer), Refused)
    await acme.delete(f"{ACME}/tokens/{made['access']['id']}")
    await token(acme)
