"""Destroying an app while the engine or the registry is away, and after a server that was killed in the middle."""

import asyncio

import httpx
import pytest

from loco_server.flows import destroy as destroy_module
from loco_spec.errors import Conflict, StillGoing
from loco_spec.exits import Exit
from tests.loco_server.http.api import Api, create, live, refused
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

SHOP = "/v1/teams/ann/apps/shop"


async def gone(server: Api) -> bool:
    return await server.records.apps.all() == []


async def test_a_destroy_without_the_engine_says_that_it_goes_on(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    server.engine.down = 1
    error = refused(await ann.delete(SHOP))
    assert isinstance(error, StillGoing)
    assert error.exit_code == Exit.STILL_GOING
    assert "the engine is down" in error.message
    [app] = (await ann.get("/v1/teams/ann/apps")).json()["apps"]
    assert app["state"] == "destroying"


@pytest.mark.parametrize("away", ["engine", "registry"])
async def test_it_is_tried_until_it_is_done_and_each_failure_is_logged(
    server: Api,
    ann: httpx.AsyncClient,
    away: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(destroy_module, "RETRY", 0.01)
    await live(server, ann)
    server.engine.down = 3 if away == "engine" else 0
    server.registry.down = away == "registry"
    refused(await ann.delete(SHOP))
    resumed = asyncio.create_task(server.services.destroy.resume())
    await eventually_async(lambda: logged(caplog, f"the {away} "))
    server.registry.down = False
    await eventually_async(lambda: gone(server))
    resumed.cancel()
    await asyncio.gather(resumed, return_exceptions=True)


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return any("destroying ann/shop waits" in line and words in line for line in caplog.messages)


async def test_asked_for_twice_at_once_it_is_done_once(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    answers = await asyncio.gather(*(ann.delete(SHOP) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert await gone(server)


async def test_an_app_that_is_being_destroyed_takes_no_deployment(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    server.engine.down = 1
    await ann.delete(SHOP)
    for answer in (await create(ann), await ann.post(f"{SHOP}/redeploy")):
        error = refused(answer)
        assert isinstance(error, Conflict)
        assert "being destroyed" in error.message
        assert error.hint
