import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from loco_server.http.auth import check_version
from loco_server.http.table import ENDPOINTS
from loco_server.policy.permissions import Permission
from loco_spec.errors import ClientTooOld, NotAllowed, NotFound, NotSignedIn
from tests.loco_server.http.api import Api, create, live, refused

pytestmark = pytest.mark.anyio

CLOSED = [endpoint for endpoint in ENDPOINTS if endpoint.permission is not Permission.PUBLIC]
OF_A_TEAM = [endpoint for endpoint in CLOSED if "{team}" in endpoint.path]


def filled(path: str, team: str = "ann", app: str = "shop") -> str:
    return path.format_map(defaultdict(lambda: "aaaaaaaaaa", team=team, app=app, number=1))


@pytest.mark.parametrize("endpoint", CLOSED, ids=lambda e: f"{e.method} {e.path}")
async def test_nobody_gets_in_without_a_token(server: Api, endpoint: object) -> None:
    nobody = await server.client(None)
    answer = await nobody.request(endpoint.method, filled(endpoint.path))  # type: ignore[attr-defined]
    assert isinstance(refused(answer), NotSignedIn)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", OF_A_TEAM, ids=lambda e: f"{e.method} {e.path}")
async def test_another_teams_things_answer_as_things_that_do_not_exist(
    server: Api, ann: httpx.AsyncClient, endpoint: object
) -> None:
    await live(server, ann)
    bob = await server.client("bob")
    method, path = endpoint.method, endpoint.path  # type: ignore[attr-defined]
    theirs = await bob.request(method, filled(path, team="ann"))
    nothing = await bob.request(method, filled(path, team="zed"))
    assert isinstance(refused(theirs), NotFound)
    assert theirs.text == nothing.text.replace("zed", "ann")
    assert theirs.headers == nothing.headers


@pytest.mark.parametrize("endpoint", OF_A_TEAM, ids=lambda e: f"{e.method} {e.path}")
async def test_an_app_that_is_not_there_is_not_found(server: Api, ann: httpx.AsyncClient, endpoint: object) -> None:
    method, path = endpoint.method, endpoint.path  # type: ignore[attr-defined]
    if "{app}" in path and not endpoint.makes_app:  # type: ignore[attr-defined]
        assert isinstance(refused(await ann.request(method, filled(path))), NotFound)


async def test_a_viewer_looks_and_does_not_deploy(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await server.client("vic")
    async with server.records.database.write() as db:
        from sqlalchemy import insert, select

        from loco_server.records.tables import MEMBERSHIPS, TEAMS, USERS

        team = await db.scalar(select(TEAMS.c.id).where(TEAMS.c.name == "ann"))
        user = await db.scalar(select(USERS.c.id).where(USERS.c.login == "vic"))
        await db.execute(insert(MEMBERSHIPS).values(team_id=team, user_id=user, role="viewer"))
    vic = await server.client("vic")
    assert (await vic.get("/v1/teams/ann/apps/shop")).status_code == 200
    assert isinstance(refused(await create(vic)), NotAllowed)
    assert isinstance(refused(await vic.delete("/v1/teams/ann/apps/shop")), NotAllowed)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer loco_session_aaaaaaaaaa_x"])
async def test_what_is_no_token_is_refused_like_no_token(server: Api, header: str) -> None:
    nobody = await server.client(None)
    answer = await nobody.get("/v1/me", headers={"authorization": header})
    assert isinstance(refused(answer), NotSignedIn)


async def test_a_token_ends_with_logout(server: Api, ann: httpx.AsyncClient) -> None:
    assert (await ann.delete("/v1/session")).status_code == 204
    assert isinstance(refused(await ann.get("/v1/me")), NotSignedIn)


async def test_a_token_ends_with_its_time(server: Api, ann: httpx.AsyncClient) -> None:
    token = ann.headers["authorization"].split("_")[2]
    await server.records.people.slide(token, datetime.now(UTC) - timedelta(seconds=1))
    assert isinstance(refused(await ann.get("/v1/me")), NotSignedIn)


async def test_a_session_that_is_used_lives_on(server: Api, ann: httpx.AsyncClient) -> None:
    token = ann.headers["authorization"].split("_")[2]
    await server.records.people.slide(token, datetime.now(UTC) + timedelta(days=3))
    answer = await ann.get("/v1/me")
    assert datetime.fromisoformat(answer.json()["expires_at"]) > datetime.now(UTC) + timedelta(days=29)


@pytest.mark.parametrize("version", ["0.0.9", "none", "1.x"])
async def test_a_client_that_is_too_old_is_told_how_to_upgrade(server: Api, version: str) -> None:
    nobody = await server.client(None)
    error = refused(await nobody.get("/v1/server", headers={"Loco-Version": version}))
    assert isinstance(error, ClientTooOld)
    assert "upgrade" in error.hint


def test_a_newer_client_and_one_without_a_version_are_welcome() -> None:
    check_version("99.0.0")
    check_version(None)


async def test_the_sign_in_by_file_gives_a_session(server: Api) -> None:
    nobody = await server.client(None)
    prompt = (await nobody.post("/v1/login", json={"provider": "local"})).json()
    proof = Path(prompt["file"]).read_text()
    answer = await nobody.post(f"/v1/login/{prompt['login']}", json={"proof": proof})
    assert answer.json()["me"]["default_team"] == "ann"
    assert re.fullmatch(r"loco_session_[a-z2-7]{10}_[0-9A-Za-z]{49}", answer.json()["token"])
    again = await nobody.post(f"/v1/login/{prompt['login']}", json={"proof": proof})
    assert isinstance(refused(again), NotSignedIn)


async def test_a_sign_in_by_an_unknown_provider_names_those_there_are(server: Api) -> None:
    nobody = await server.client(None)
    error = refused(await nobody.post("/v1/login", json={"provider": "myspace"}))
    assert "local" in error.message
