"""Every change leaves one event; who may reads them, follows them, and nobody else's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select

from loco_server.flows.teams import ManageTeams
from loco_server.http import app as app_module
from loco_server.http import stream as stream_module
from loco_server.http.app import api_app
from loco_server.http.endpoint import Endpoint
from loco_server.http.table import ENDPOINTS
from loco_server.identity.oidc import Oidc
from loco_server.records.tables import MEMBERSHIPS, TOKENS
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_spec import names, paths
from loco_spec.errors import ImageRefused, NotAllowed, NotSignedIn, ServerFault
from tests.loco_server.http import world
from tests.loco_server.http.api import Api, Outside, created, live, push, refused, running
from tests.loco_server.http.following import following
from tests.loco_server.http.test_trust import RULE, now
from tests.loco_server.http.test_walk import anyio_backend, template, there
from tests.loco_server.http.world import World
from tests.loco_server.identity.strict_issuer import GITHUB, Issuer
from tests.loco_server.records.databases import DIGEST, Records

__all__ = ["anyio_backend", "template", "there"]  # fixtures

pytestmark = pytest.mark.anyio

CHANGING = [endpoint for endpoint in ENDPOINTS if endpoint.changes and not endpoint.opens]  # those: test_attach.py
ACME = "/v1/teams/acme"
SHOP = f"{ACME}/apps/shop"
SPEC = {"spec": {"name": "shop", "routes": [{"host": "shop-acme"}]}}
VALUE = "a-planted-value-of-a-variable"


async def asked(records: Records) -> list[Any]:
    """Give the events that requests have left."""
    wanted = select(AUDIT_EVENTS).where(AUDIT_EVENTS.c.request_id.is_not(None)).order_by(AUDIT_EVENTS.c.id)
    async with records.database.read() as db:
        return list(await db.execute(wanted))


async def number_2(there: World) -> str:
    """Give the path of a deployment that waits for its image, which the registry has."""
    made = await created(await there.server.client("olga"), "acme", "shop", spec=SPEC["spec"])
    assert made.ticket is not None
    there.server.registry.push(made.ticket.repository, DIGEST)
    return f"{SHOP}/deployments/v2"


async def number_2_image(there: World) -> str:
    return f"{await number_2(there)}/image"


async def number_2_cancel(there: World) -> str:
    return f"{await number_2(there)}/cancel"


async def number_2_log(there: World) -> str:
    return f"{await number_2(there)}/build-log"


async def scaled(there: World) -> str:
    """Let two replicas be live, and give the path of what goes back to one."""
    records, registry = there.server.records, there.server.registry
    answer = await there.ask("olga", "POST", f"{SHOP}/scale", {"replicas": 2})
    assert answer.status_code == 200, answer.text
    for item in await records.claims.claim("worker"):
        app = await records.apps.by_id(item.app_id)
        assert app is not None
        assert item.digest is not None
        registry.push(names.repository(app.team, app.name, app.id), item.digest)
        await records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await records.claims.promote(item, message="live")
    return f"{SHOP}/rollback"


async def staged(there: World) -> str:
    await there.ask("olga", "POST", f"{SHOP}/variables", {"set": {"KEY": VALUE}, "stage": True})
    return f"{SHOP}/variables/KEY/purge"


async def trusted(there: World) -> str:
    return f"{ACME}/trust/{(await there.ask('olga', 'POST', f'{ACME}/trust', RULE)).json()['id']}"


async def session(there: World) -> str:
    found = (await there.ask("olga", "GET", "/v1/account/sessions")).json()["sessions"]
    return f"/v1/account/sessions/{next(each['id'] for each in found if not each['current'])}"


async def invited(there: World) -> dict[str, str]:
    made = (await there.ask("olga", "POST", f"{ACME}/invitations", {"role": "viewer"})).json()
    return {"code": made["code"]}


Made = str | Callable[[World], Any]

SUCCEEDING: dict[str, tuple[str, Made, Any, str]] = {
    f"DELETE {paths.SESSION}": ("olga", "/v1/session", None, "olga"),
    f"DELETE {paths.APP}": ("olga", SHOP, None, "shop"),
    f"POST {paths.DEPLOYMENTS}": ("dora", f"{SHOP}/deployments", SPEC, "shop v2"),
    f"POST {paths.IMAGE}": ("can-deploy", number_2_image, {"digest": DIGEST}, "shop v2"),
    f"POST {paths.CANCEL}": ("dora", number_2_cancel, None, "shop v2"),
    f"POST {paths.ROLLBACK}": ("dora", scaled, {}, "shop v3"),
    f"POST {paths.SCALE}": ("dora", f"{SHOP}/scale", {"replicas": 2}, "shop v2"),
    f"PUT {paths.BUILD_LOG}": ("dora", number_2_log, "a log", "shop v2"),
    f"POST {paths.REDEPLOY}": ("of-the-app", f"{SHOP}/redeploy", None, "shop v2"),
    f"POST {paths.VARIABLES}": ("can-admin", f"{SHOP}/variables", {"set": {"KEY": VALUE}}, "shop v2"),
    f"POST {paths.VARIABLES_PURGE}": ("olga", staged, None, "shop KEY"),
    f"POST {paths.TRUST}": ("adam", f"{ACME}/trust", RULE, "acme/shop ("),
    f"DELETE {paths.TRUST_RULE}": ("adam", trusted, None, "acme/shop"),
    f"PUT {paths.SOURCE}": ("adam", f"{SHOP}/source", {"source": "ci", "allow": ["dora"]}, "shop"),
    f"POST {paths.ACCOUNT_DELETE}": ("dora", "/v1/account/delete", {"confirm": "dora"}, "dora"),
    f"DELETE {paths.SESSIONS}": ("olga", "/v1/account/sessions", None, "olga"),
    f"DELETE {paths.ACCOUNT_SESSION}": ("olga", session, None, ""),
    f"POST {paths.TEAMS}": ("omar", "/v1/teams", {"name": "new"}, "new"),
    f"POST {paths.JOIN}": ("omar", "/v1/join", invited, "acme"),
    f"DELETE {paths.TEAM}": ("olga", "/v1/teams/second", None, "second"),
    f"POST {paths.LEAVE}": ("dora", f"{ACME}/leave", None, "acme"),
    f"PATCH {paths.MEMBER}": ("adam", f"{ACME}/members/vic", {"role": "developer"}, "vic"),
    f"DELETE {paths.MEMBER}": ("adam", f"{ACME}/members/vic", None, "vic"),
    f"POST {paths.INVITATIONS}": ("adam", f"{ACME}/invitations", {"role": "viewer"}, ""),
    f"DELETE {paths.INVITATION}": ("adam", f"{ACME}/invitations/{world.INVITATION}", None, world.INVITATION),
    f"POST {paths.TOKENS}": ("dora", f"{ACME}/tokens", {"name": "ci", "can": "deploy"}, "ci ("),
    f"DELETE {paths.TOKEN}": ("adam", f"{ACME}/tokens/{world.TOKEN}", None, f"a machine ({world.TOKEN})"),
}
"""Who asks each endpoint, where, with which body, so that it succeeds; and what the event is about."""
SIGN_INS = {f"POST {path}" for path in (paths.LOGIN, paths.LOGIN_FINISH, paths.LOGIN_CI)}
DETAILS = {
    f"POST {paths.IMAGE}": {"digest": DIGEST},
    f"POST {paths.VARIABLES}": {"set": ["KEY"], "unset": []},
    f"PUT {paths.SOURCE}": {"source": "ci", "allow": ["dora"]},
    f"PATCH {paths.MEMBER}": {"role": "developer"},
    f"POST {paths.INVITATIONS}": {"role": "viewer"},
    f"POST {paths.TOKENS}": {"can": "deploy"},
}


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def test_every_changing_endpoint_has_an_action_of_its_own_and_is_tried_here() -> None:
    assert {name_of(endpoint) for endpoint in CHANGING} == SUCCEEDING.keys() | SIGN_INS
    actions = [endpoint.action for endpoint in CHANGING]
    assert len(set(actions)) == len(actions)
    assert all(actions)
    assert not any(endpoint.action for endpoint in ENDPOINTS if not endpoint.changes)


async def test_a_changing_endpoint_without_an_action_stops_the_start(
    server: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> Any: ...

    silent = Endpoint("POST", "/v1/silent", CHANGING[-1].permission, nothing)
    monkeypatch.setattr(app_module, "ENDPOINTS", (*ENDPOINTS, silent))
    with pytest.raises(TypeError, match="POST /v1/silent declares no action"):
        api_app(server.services)


@pytest.mark.parametrize("endpoint", [each for each in CHANGING if name_of(each) in SUCCEEDING], ids=name_of)
async def test_a_change_leaves_one_event_that_tells_who_from_where_what_and_on_what(
    there: World, endpoint: Endpoint
) -> None:
    who, where, what, subject = SUCCEEDING[name_of(endpoint)]
    path = where if isinstance(where, str) else await where(there)
    body = await what(there) if callable(what) else what
    before = await asked(there.server.records)
    answer = await there.ask(who, endpoint.method, path, body)
    assert answer.status_code == endpoint.status, answer.text
    [event] = (await asked(there.server.records))[len(before) :]
    names = {"can-deploy": "olga (olga deploy)", "can-admin": "olga (olga admin)", "of-the-app": "olga (olga admin)"}
    assert (event.actor, event.address, event.outcome) == (names.get(who, who), "127.0.0.1", "done")
    assert (event.action, event.subject[: len(subject)]) == (endpoint.action, subject)
    assert event.subject
    assert len(event.request_id) == 10
    assert event.token_id is not None
    assert event.app == ("shop" if "{app}" in endpoint.path else None)
    assert (event.team_id is None) is (not endpoint.path.startswith(("/v1/teams", paths.JOIN)))
    assert DETAILS.get(name_of(endpoint), event.detail) == event.detail
    secrets = [VALUE, answer.json().get("code"), answer.json().get("token")] if answer.content else [VALUE]
    secrets += [body["code"]] if isinstance(body, dict) and "code" in body else []
    told = str(tuple(event))
    assert not [secret for secret in secrets if secret is not None and secret in told]


async def test_a_person_who_signs_in_is_known_at_the_end_and_a_sign_in_that_is_none_leaves_nothing(
    server: Api,
) -> None:
    nobody = await server.client(None)
    begun = (await nobody.post("/v1/login", json={"provider": "local"})).json()
    wrong = await nobody.post(f"/v1/login/{begun['login']}", json={"proof": "wrong"})
    assert isinstance(refused(wrong), NotSignedIn)
    assert await asked(server.records) == []
    begun = (await nobody.post("/v1/login", json={"provider": "local"})).json()
    proof = Path(begun["file"]).read_text().strip()
    answer = await nobody.post(f"/v1/login/{begun['login']}", json={"proof": proof})
    assert answer.status_code == 200, answer.text
    [event] = await asked(server.records)
    assert (event.action, event.actor, event.subject, event.detail) == ("login", "ann", "ann", {"provider": "local"})
    assert (event.address, event.outcome, event.team_id) == ("127.0.0.1", "done", None)
    told = str(tuple(event))
    assert not [secret for secret in (proof, begun["login"], answer.json()["token"]) if secret in told]


async def test_a_job_that_signs_in_is_known_by_its_rule_to_the_team(records: Records, tmp_path: Path) -> None:
    issuer = Issuer(clock=now)
    outside = Outside(identity_tokens=Oidc({GITHUB: GITHUB}, transport=issuer.transport))
    async with running(records, tmp_path, outside=outside) as server:
        ann, nobody = await server.client("ann"), await server.client(None)
        rule = (await ann.post("/v1/teams/ann/trust", json=RULE)).json()["id"]
        answer = await nobody.post("/v1/login/ci", json={"token": (text := issuer.token()), "team": "ann"})
        assert answer.status_code == 200, answer.text
        assert refused(await nobody.post("/v1/login/ci", json={"token": text, "team": "ann"})).http_status == 401
        [_, event] = await asked(records)
        who = "ann (acme/shop@refs/heads/main)"
        assert (event.action, event.actor, event.subject, event.detail) == ("login.ci", who, who, {"rule": rule})
        assert event.team_id == (await records.team("ann")).id
        told = str(tuple(event))
        assert text not in told
        assert answer.json()["token"] not in told


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"{ACME}/tokens/qqqqqqqqqq", None),
        ("DELETE", f"{ACME}/invitations/qqqqqqqqqq", None),
        ("DELETE", f"{ACME}/trust/qqqqqqqqqq", None),
        ("DELETE", f"{ACME}/members/omar", None),
        ("DELETE", ACME, None),  # it has apps
        ("PATCH", f"{ACME}/members/olga", {"role": "viewer"}),  # its last owner
        ("POST", "/v1/teams", {"name": "other"}),  # taken
        ("POST", "/v1/join", {"code": "loco_invite_a_b"}),
        ("POST", f"{SHOP}/deployments", {"spec": {"name": "shop", "surprise": 1}}),
        ("POST", f"{SHOP}/deployments/v1/cancel", None),  # live
        ("PUT", f"{SHOP}/deployments/v1/build-log", "late"),
        ("POST", "/v1/account/delete", {"confirm": "olaf"}),
    ],
)
async def test_what_is_refused_leaves_no_event(there: World, method: str, path: str, body: Any) -> None:
    before = await there.rows()
    refused(await there.ask("olga", method, path, body))
    assert await there.rows() == before


async def test_a_change_that_ends_in_a_refusal_tells_it_and_so_does_the_server(
    server: Api, ann: httpx.AsyncClient
) -> None:
    answer = await push(server, ann, await created(ann), user="root")
    assert isinstance(refused(answer), ImageRefused)
    found = (await ann.get("/v1/teams/ann/events")).json()["events"]
    assert [(each["actor"], each["action"], each["subject"], each["outcome"]) for each in found] == [
        ("ann", "deployment.create", "shop v1", "done"),
        ("ann", "deployment.image", "shop v1", "image-refused"),
        ("loco", "deployment.failed", "shop v1", "done"),
    ]


async def test_a_defect_is_told_under_the_request_that_its_event_names(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ManageTeams.create

    async def broken(*args: Any) -> Any:
        await create(*args)
        raise RuntimeError("a defect")

    monkeypatch.setattr(ManageTeams, "create", broken)
    error = refused(await ann.post("/v1/teams", json={"name": "new"}))
    assert isinstance(error, ServerFault)
    [event] = await asked(server.records)
    assert (event.outcome, f"(request {event.request_id})" in error.message) == ("failed", True)


async def test_events_are_given_by_app_by_number_and_from_one_on(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await live(server, ann, app="blog")
    await ann.delete("/v1/teams/ann/apps/shop")

    async def told(**query: Any) -> list[tuple[str, str]]:
        found = (await ann.get("/v1/teams/ann/events", params=query)).json()["events"]
        return [(each["action"], each["subject"]) for each in found]

    every = await told()
    assert every[-1] == ("app.destroy", "shop")
    of_shop = [each for each in every if each[1].startswith("shop")]
    assert await told(app="shop") == of_shop, "an app's events outlive it"
    assert len(every) == len(of_shop) + 3
    assert await told(limit=2) == every[-2:]
    first = (await ann.get("/v1/teams/ann/events")).json()["events"][0]["id"]
    assert await told(after=first) == every[1:]
    assert await told(after=first, limit=2) == every[1:3]
    assert await told(app="nothing") == []
    for query in ({"limit": 0}, {"limit": 1001}, {"after": -1}, {"team": "x"}):
        assert (await ann.get("/v1/teams/ann/events", params=query)).status_code == 422


async def test_another_teams_events_never_show(server: Api, ann: httpx.AsyncClient) -> None:
    bob = await server.client("bob")
    await live(server, ann, spec={"routes": [{"host": "of-ann"}]})
    await live(server, bob, "bob", spec={"routes": [{"host": "of-bob"}]})
    for client, team in ((ann, "ann"), (bob, "bob")):
        found = (await client.get(f"/v1/teams/{team}/events", params={"app": "shop"})).json()["events"]
        assert {each["actor"] for each in found} == {team, "loco"}
        assert len(found) == 3
    assert refused(await ann.get("/v1/teams/bob/events")).http_status == 404


@pytest.mark.parametrize(
    ("who", "status"),
    [("can-read", 200), ("can-admin", 200), ("can-deploy", 403), ("of-the-app", 403), ("vic", 200), ("omar", 404)],
)
async def test_a_token_that_reads_may_carry_events_elsewhere_and_one_that_deploys_may_not(
    there: World, who: str, status: int
) -> None:
    assert (await there.ask(who, "GET", f"{ACME}/events")).status_code == status


async def test_events_are_followed_as_they_come_and_resumed_where_they_were_left(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await created(ann)
    async with following(server.app, ann, "/v1/teams/ann/events?limit=1") as stream:
        kind, last, event = await stream.heard()
        assert (kind, last, event["subject"]) == ("event", str(event["id"]), "shop v1")
        await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel")
        heard = [(await stream.heard())[2] for _ in range(2)]
        assert [(each["actor"], each["action"], each["outcome"]) for each in heard] == [
            ("loco", "deployment.cancelled", "done"),
            ("ann", "deployment.cancel", "done"),
        ]
    async with following(server.app, ann, "/v1/teams/ann/events?limit=1", last) as stream:
        assert [(await stream.heard())[2] for _ in range(2)] == heard


@pytest.mark.parametrize("lost", ["token", "role", "team"])
async def test_whose_access_has_ended_hears_so_and_nothing_more(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(stream_module, "CHECK_EVERY", 0)
    await ann.post("/v1/teams", json={"name": "acme"})
    async with following(server.app, ann, "/v1/teams/acme/events") as stream:
        assert (await stream.heard())[2]["action"] == "team.create"
        if lost == "team":
            await ann.delete("/v1/teams/acme")
        else:
            async with server.records.database.write() as db:
                await db.execute(delete(TOKENS if lost == "token" else MEMBERSHIPS))
        kind, _, fault = await stream.heard()
        while kind == "event":
            kind, _, fault = await stream.heard()
        assert (kind, fault["problem"]["code"]) == ("error", "not-signed-in" if lost == "token" else "not-found")
        assert (await stream.heard())[0] == ""
        server.records.wake.all()


async def test_a_suspended_person_reads_no_events(there: World) -> None:
    assert isinstance(refused(await there.ask("sue", "GET", f"{ACME}/events")), NotAllowed)
