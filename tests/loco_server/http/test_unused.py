"""An app that was stopped because nobody used it: whoever changes it uses it, and it runs again."""

from datetime import UTC, datetime

import httpx
import pytest

from loco_server.records.suspensions import Suspensions
from loco_server.records.values import AppRecord
from loco_spec.errors import NotAllowed
from tests.loco_server.http.api import Api, create, live, refused

pytestmark = pytest.mark.anyio

SHOP = "/v1/teams/ann/apps/shop"


@pytest.fixture
async def stopped(server: Api, ann: httpx.AsyncClient) -> AppRecord:
    await live(server, ann)
    [app] = await server.records.apps.all()
    assert await server.records.uses.stop(app.id, datetime.now(UTC), "nobody uses it", lambda _: True)
    return app


async def found(server: Api) -> AppRecord:
    [app] = await server.records.apps.all()
    return app


async def test_looking_at_it_does_not_wake_it_and_tells_why_it_is_stopped(
    server: Api, ann: httpx.AsyncClient, stopped: AppRecord
) -> None:
    assert (await ann.get("/v1/teams/ann/apps")).json()["apps"][0]["state"] == "suspended"
    assert "nobody uses it" in (await ann.get(SHOP)).json()["suspended"]
    assert (await found(server)).unused


async def test_a_deployment_wakes_it_and_its_event_says_so(
    server: Api, ann: httpx.AsyncClient, stopped: AppRecord
) -> None:
    answer = await create(ann)
    assert answer.status_code == 201
    app = await found(server)
    assert (app.suspended, app.unused) == (None, False)
    [event] = [
        each for each in await server.records.audit.read(app.team_id, "shop", None, 100) if each.detail.get("woken")
    ]
    assert (event.actor, event.action, event.outcome) == ("ann", "deployment.create", "done")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/redeploy", None), ("POST", "/variables", {"set": {"KEY": "value"}})],
)
async def test_so_does_every_other_change(
    server: Api, ann: httpx.AsyncClient, stopped: AppRecord, method: str, path: str, body: object
) -> None:
    answer = await ann.request(method, f"{SHOP}{path}", json=body)
    assert answer.is_success, answer.text
    assert (await found(server)).suspended is None


async def test_its_owner_may_leave_with_it(server: Api, ann: httpx.AsyncClient, stopped: AppRecord) -> None:
    answer = await ann.post("/v1/account/delete", json={"confirm": "ann", "with_apps": True})
    assert answer.status_code == 200, answer.text
    assert await server.records.apps.all() == []


async def test_somebody_elses_suspension_on_top_is_not_lifted(
    server: Api, ann: httpx.AsyncClient, stopped: AppRecord
) -> None:
    suspensions = Suspensions(server.records.database)
    subject = await suspensions.find("app", "ann/shop")
    assert subject is not None
    await suspensions.set(subject, "mines coins")
    error = refused(await create(ann))
    assert isinstance(error, NotAllowed)
    assert "mines coins" in error.message
    assert (await found(server)).suspended is not None
