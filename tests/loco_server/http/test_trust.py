"""CI jobs: their identity for a token of fifteen minutes, under a rule, once; and apps that only they deploy."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from loco_server.identity.oidc import Oidc
from loco_server.identity_settings import IdentitySettings
from loco_server.records.tables import MEMBERSHIPS, TOKENS, USERS
from loco_spec.errors import NotAllowed, NotFound, NotSignedIn, ProviderDown, Refused, UsageError
from tests.loco_server.http.api import Api, Outside, create, created, live, push, refused, running
from tests.loco_server.identity.strict_issuer import AUDIENCE, GITHUB, GITLAB, Issuer, rsa, signed_by_hmac, unsigned
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio

RULE = {
    "issuer": "github",
    "audience": AUDIENCE,
    "repository": "acme/shop",
    "repository_id": "74",
    "owner_id": "65",
}


def now() -> float:
    return datetime.now(UTC).timestamp()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(clock=now)


@pytest.fixture
async def api(records: Records, tmp_path: Path, issuer: Issuer) -> AsyncIterator[Api]:
    oidc = Oidc({GITHUB: GITHUB, GITLAB: GITLAB}, transport=issuer.transport)
    async with running(records, tmp_path, outside=Outside(identity_tokens=oidc)) as found:
        yield found


@pytest.fixture
async def ann(api: Api) -> httpx.AsyncClient:
    return await api.client("ann")


@pytest.fixture
async def nobody(api: Api) -> httpx.AsyncClient:
    return await api.client(None)


async def trust(ann: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await ann.post("/v1/teams/ann/trust", json={**RULE, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def exchange(nobody: httpx.AsyncClient, token: str, team: str = "ann", **more: str) -> httpx.Response:
    answer = await nobody.post("/v1/login/ci", json={"token": token, "team": team, **more})
    assert token not in answer.text
    return answer


async def job(api: Api, issuer: Issuer, **more: str) -> httpx.AsyncClient:
    """Give the client of a job that was let in."""
    answer = await exchange(await api.client(None), issuer.token(), **more)
    assert answer.status_code == 200, answer.text
    found = await api.client(None)
    found.headers["authorization"] = f"Bearer {answer.json()['token']}"
    return found


async def join(api: Api, login: str, role: str) -> httpx.AsyncClient:
    """Bring somebody into ann's team."""
    found = await api.client(login)
    people = api.records.people
    team, user = await api.records.team("ann"), await people.known("local", login)
    assert user is not None
    async with api.records.database.write() as db:
        await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user.id, role=role))
    return found


async def test_a_job_deploys_without_a_stored_secret_as_the_rules_maker(
    api: Api, ann: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    ci = await job(api, issuer)
    made = await created(ci)
    assert made.deployment.created_by == "ann (acme/shop@refs/heads/main)"
    assert (await push(api, ci, made)).json()["state"] == "accepted"
    me = (await ci.get("/v1/me")).json()
    left = datetime.fromisoformat(me["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    async with api.records.database.read() as db:
        row = (await db.execute(select(TOKENS).where(TOKENS.c.kind == "ci"))).one()
    assert (row.name, row.can) == ("acme/shop@refs/heads/main", "deploy")


async def test_a_jobs_token_deploys_and_does_nothing_else(api: Api, ann: httpx.AsyncClient, issuer: Issuer) -> None:
    await live(api, ann)
    await trust(ann)
    ci = await job(api, issuer)
    assert (await ci.get("/v1/teams/ann/apps/shop")).status_code == 200
    for method, path, body in (
        ("DELETE", "/v1/teams/ann/apps/shop", None),
        ("GET", "/v1/teams/ann/trust", None),
        ("POST", "/v1/teams/ann/trust", RULE),
        ("PUT", "/v1/teams/ann/apps/shop/source", {"source": "any"}),
    ):
        assert isinstance(refused(await ci.request(method, path, json=body)), NotAllowed)


async def test_a_job_sees_no_other_team_of_the_rules_maker(api: Api, ann: httpx.AsyncClient, issuer: Issuer) -> None:
    await trust(ann)
    bob = await api.client("bob")
    del bob
    team, user = await api.records.team("bob"), await api.records.people.known("local", "ann")
    assert user is not None
    async with api.records.database.write() as db:
        await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user.id, role="admin"))
    ci = await job(api, issuer)
    assert [each["name"] for each in (await ci.get("/v1/me")).json()["teams"]] == ["ann"]
    assert isinstance(refused(await ci.get("/v1/teams/bob/apps")), NotFound)


async def test_a_rule_of_one_app_gives_that_app_alone(api: Api, ann: httpx.AsyncClient, issuer: Issuer) -> None:
    await live(api, ann)
    await live(api, ann, app="web")
    await trust(ann, app="shop")
    ci = await job(api, issuer)
    assert (await create(ci, app="shop")).status_code == 201
    assert isinstance(refused(await create(ci, app="web")), NotFound)
    assert isinstance(refused(await exchange(ci, issuer.token(), app="web")), NotAllowed)
    await trust(ann, app="web")
    assert "several apps" in refused(await exchange(ci, issuer.token())).message
    web = await job(api, issuer, app="web")
    assert (await create(web, app="web")).status_code == 201


async def test_a_rule_of_another_team_about_the_same_repository_is_of_no_use(
    api: Api, ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    await api.client("bob")
    theirs = refused(await exchange(nobody, issuer.token(), team="bob"))
    nowhere = refused(await exchange(nobody, issuer.token(), team="zed"))
    assert isinstance(theirs, NotAllowed)
    assert theirs.message == nowhere.message.replace("zed", "bob")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example.com"},
        {"aud": [AUDIENCE, "https://other.example.com"]},
        {"aud": None},
        {"repository_id": "75"},
        {"repository_owner_id": "66"},
        {"repository_id": None, "repository_owner_id": None},
        {"ref": "refs/heads/dev"},
        {"event_name": "pull_request"},
        {"event_name": "pull_request_target"},
        {"event_name": None},
    ],
)
async def test_a_job_that_no_rule_trusts_gets_nothing_and_its_token_is_not_used_up(
    ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    await trust(ann)
    assert isinstance(refused(await exchange(nobody, issuer.token(**changes, jti="one"))), NotAllowed)
    assert (await exchange(nobody, issuer.token(jti="one"))).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": GITLAB},  # believed, but it did not sign this
        {"exp": 1},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"jti": None},
        {"jti": 7},
        {"jti": ""},
        {"jti": "x" * 201},
    ],
)
async def test_a_token_that_is_not_good_buys_nothing(
    ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    await trust(ann)
    other = Issuer(GITLAB, clock=now)
    other.rotate(rsa(2))
    issuer.beside = [other]
    assert isinstance(refused(await exchange(nobody, issuer.token(**changes))), NotSignedIn)


async def test_what_nobody_signed_buys_nothing(
    ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    claims = issuer.claims()
    for forged in (
        unsigned(claims, kid="rsa-1"),
        signed_by_hmac(claims, kid="rsa-1", secret=rsa(1).as_pem(private=False)),
        issuer.token(key=rsa(2), header={"kid": "rsa-1"}),
    ):
        assert isinstance(refused(await exchange(nobody, forged)), NotSignedIn)


async def test_a_token_works_once_also_when_it_comes_many_times_at_once(
    api: Api, ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    token = issuer.token()
    found = await asyncio.gather(*(exchange(nobody, token) for _ in range(12)))
    assert sorted(answer.status_code for answer in found) == [200] + [401] * 11
    again = refused(await exchange(nobody, token))
    assert (type(again), "used before" in again.message) == (NotSignedIn, True)
    async with api.records.database.read() as db:
        assert len((await db.execute(select(TOKENS).where(TOKENS.c.kind == "ci"))).all()) == 1


async def test_an_issuer_that_is_down_is_told(
    ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    issuer.down = True
    answer = await exchange(nobody, issuer.token())
    assert isinstance(refused(answer), ProviderDown)
    assert int(answer.headers["retry-after"]) > 0


async def test_a_maker_who_may_not_deploy_any_more_gives_nothing(
    api: Api, ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    bob = await join(api, "bob", "admin")
    answer = await bob.post("/v1/teams/ann/trust", json=RULE)
    assert answer.status_code == 201
    user = await api.records.people.known("local", "bob")
    assert user is not None
    ci = await job(api, issuer)
    team = await api.records.team("ann")
    mine = (MEMBERSHIPS.c.user_id == user.id, MEMBERSHIPS.c.team_id == team.id)
    async with api.records.database.write() as db:
        await db.execute(update(MEMBERSHIPS).where(*mine).values(role="viewer"))
    assert isinstance(refused(await exchange(nobody, issuer.token())), NotAllowed)
    assert isinstance(refused(await create(ci)), NotAllowed)  # nor does what a job has already
    async with api.records.database.write() as db:
        await db.execute(MEMBERSHIPS.delete().where(*mine))
    assert isinstance(refused(await exchange(nobody, issuer.token())), NotAllowed)
    await trust(ann)
    assert (await exchange(nobody, issuer.token())).status_code == 200  # the dead rule is in nobody's way


async def test_a_suspended_maker_gives_nothing(
    api: Api, ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    await trust(ann)
    async with api.records.database.write() as db:
        await db.execute(update(USERS).values(suspended_at=datetime.now(UTC), suspended_reason="mined coins"))
    assert "mined coins" in refused(await exchange(nobody, issuer.token())).message


async def test_a_rule_shows_what_it_asks_for_and_goes_when_it_is_removed(
    ann: httpx.AsyncClient, nobody: httpx.AsyncClient, issuer: Issuer
) -> None:
    made = await trust(ann, environment="production", actors=["9"])
    assert made["issuer"] == GITHUB
    assert made["claims"] == {
        "repository_id": "74",
        "repository_owner_id": "65",
        "environment": "production",
        "actor_id": ["9"],
    }
    assert (made["created_by"], made["app"]) == ("ann", None)
    assert (await ann.get("/v1/teams/ann/trust")).json()["rules"] == [made]
    assert (await ann.delete(f"/v1/teams/ann/trust/{made['id']}")).json() == {"id": made["id"]}
    assert isinstance(refused(await exchange(nobody, issuer.token(environment="production"))), NotAllowed)
    assert isinstance(refused(await ann.delete(f"/v1/teams/ann/trust/{made['id']}")), NotFound)


@pytest.mark.parametrize("asked", ["bitbucket", "https://evil.example", "", "git"])
async def test_a_rule_of_an_issuer_that_is_not_believed_is_refused(ann: httpx.AsyncClient, asked: str) -> None:
    answer = await ann.post("/v1/teams/ann/trust", json={**RULE, "issuer": asked})
    assert isinstance(refused(answer), UsageError)


async def test_a_rule_may_name_its_issuer_by_url(ann: httpx.AsyncClient) -> None:
    made = await trust(ann, issuer=GITLAB, ref="main")
    assert made["claims"] == {"project_id": "74", "namespace_id": "65", "ref_path": "refs/heads/main"}


@pytest.mark.parametrize("field", ["repository_id", "owner_id"])
async def test_a_rule_by_names_is_none(ann: httpx.AsyncClient, field: str) -> None:
    answer = await ann.post("/v1/teams/ann/trust", json={**RULE, field: "acme"})
    assert refused(answer).fields[0].path == field


async def test_a_rule_of_an_app_that_is_not_there_is_refused(ann: httpx.AsyncClient) -> None:
    assert isinstance(refused(await ann.post("/v1/teams/ann/trust", json={**RULE, "app": "shop"})), NotFound)


async def test_there_are_only_so_many_rules(ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loco_server.flows.trust._RULES_MAX", 1)
    await trust(ann)
    assert isinstance(refused(await ann.post("/v1/teams/ann/trust", json=RULE)), Refused)


async def test_a_developer_looks_at_rules_and_makes_none(api: Api, ann: httpx.AsyncClient) -> None:
    await live(api, ann)
    dev = await join(api, "dev", "developer")
    assert (await dev.get("/v1/teams/ann/trust")).status_code == 200
    assert (await dev.get("/v1/teams/ann/apps/shop/source")).json()["source"] == "any"
    assert isinstance(refused(await dev.post("/v1/teams/ann/trust", json=RULE)), NotAllowed)
    answer = await dev.put("/v1/teams/ann/apps/shop/source", json={"source": "ci"})
    assert isinstance(refused(answer), NotAllowed)


async def test_under_ci_only_jobs_and_those_on_the_list_deploy(
    api: Api, ann: httpx.AsyncClient, issuer: Issuer
) -> None:
    await live(api, ann)
    await trust(ann)
    dev, eve = await join(api, "dev", "developer"), await join(api, "eve", "developer")
    waiting = await created(eve)  # it was there before the policy was
    answer = await ann.put("/v1/teams/ann/apps/shop/source", json={"source": "ci", "allow": ["dev", "dev"]})
    assert answer.json() == {"team": "ann", "app": "shop", "source": "ci", "allow": ["dev"]}
    assert (await eve.get("/v1/teams/ann/apps/shop/source")).json() == answer.json()
    for client in (ann, eve):
        error = refused(await create(client))
        assert (type(error), error.message) == (
            NotAllowed,
            "shop is deployed by trusted CI jobs and 1 listed user",
        )
        assert isinstance(refused(await client.post("/v1/teams/ann/apps/shop/redeploy")), NotAllowed)
    assert isinstance(refused(await push(api, eve, waiting)), NotAllowed)
    assert (await create(dev)).status_code == 201
    assert (await create(await job(api, issuer))).status_code == 201
    assert (await create(ann, app="other")).status_code == 201  # it is about one app
    answer = await ann.put("/v1/teams/ann/apps/shop/source", json={"source": "any"})
    assert answer.json() == {"team": "ann", "app": "shop", "source": "any", "allow": []}
    assert (await create(eve)).status_code == 201


async def test_only_members_stand_on_the_list(api: Api, ann: httpx.AsyncClient) -> None:
    await live(api, ann)
    await api.client("bob")
    for login in ("bob", "zed"):
        answer = await ann.put("/v1/teams/ann/apps/shop/source", json={"source": "ci", "allow": [login]})
        assert refused(answer).message == f"team ann has no member {login}"
    assert (await ann.get("/v1/teams/ann/apps/shop/source")).json()["source"] == "any"


@pytest.mark.parametrize(("listed", "let_in"), [("github:65", True), ("github:65/74", True), ("github:65/75", False)])
async def test_where_repositories_are_listed_no_other_is_trusted_nor_let_in(
    records: Records, tmp_path: Path, api: Api, ann: httpx.AsyncClient, issuer: Issuer, listed: str, let_in: bool
) -> None:
    await trust(ann)  # a rule from before there was a list
    oidc = Oidc({GITHUB: GITHUB, GITLAB: GITLAB}, transport=issuer.transport)
    identity = IdentitySettings(allowed_repositories=(listed,))
    async with running(records, tmp_path, outside=Outside(identity_tokens=oidc), identity=identity) as strict:
        ann, nobody = await strict.client("ann"), await strict.client(None)
        add = await ann.post("/v1/teams/ann/trust", json=RULE)
        asked = await exchange(nobody, issuer.token())
        if let_in:
            assert (add.status_code, asked.status_code) == (201, 200)
        else:
            for answer in (add, asked):
                error = refused(answer)
                assert isinstance(error, NotAllowed)
                assert "acme/shop" in error.message
                assert "(github:65/74)" in error.message
                assert listed not in error.message
            # It makes no difference to the job whether there is such a team.
            assert (await exchange(nobody, issuer.token(), "nobody")).json() == asked.json()
        other = await exchange(nobody, issuer.token(repository_id="1", repository_owner_id="2"))
        assert "(github:2/1)" in refused(other).message or let_in
        assert isinstance(refused(other), NotAllowed)
