"""Rollbacks that race: with retention, with a purge, with each other."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import httpx
import pytest

from loco_server.records.images import Images
from loco_server.registries.base import ImageFacts
from loco_spec.errors import Conflict
from tests.loco_server.fakes import FakeRegistry
from tests.loco_server.http.api import Api, refused, running
from tests.loco_server.http.test_rollback import ONE, SHOP, TWO, app, record, roll, served
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio

Meanwhile = Callable[[], Awaitable[object]]


@pytest.fixture
async def server(records: Records, tmp_path: Path) -> AsyncIterator[Api]:
    async with running(records, tmp_path) as found:
        yield found


@pytest.fixture
async def ann(server: Api) -> httpx.AsyncClient:
    return await server.client("ann")


def while_looked_at(server: Api, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    """Let something happen after the registry was asked for the image, and before the number is given out."""
    look = server.registry.image

    async def image(repository: str, digest: str) -> ImageFacts:
        found = await look(repository, digest)
        monkeypatch.setattr(server.registry, "image", look)
        await meanwhile()
        return found

    assert isinstance(server.registry, FakeRegistry)
    monkeypatch.setattr(server.registry, "image", image)


async def test_an_image_that_retention_gives_up_meanwhile_is_not_rolled_back_to(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    images, shop = Images(server.records.database), await app(server)

    async def give_up() -> None:
        assert await images.give_up(shop.id, [ONE, TWO], kept=1) == [ONE]

    while_looked_at(server, monkeypatch, give_up)
    error = refused(await ann.post(f"{SHOP}/rollback"))
    assert isinstance(error, Conflict)
    assert error.message == "its image was deleted meanwhile; nothing was changed"
    assert [(await record(server, number)).state for number in (2, 3)] == ["live", "failed"]
    assert "not in the registry any more" in refused(await ann.post(f"{SHOP}/rollback")).message


async def test_what_is_rolled_back_to_is_not_given_up(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    images, shop = Images(server.records.database), await app(server)
    assert (await ann.post(f"{SHOP}/rollback")).status_code == 200
    assert await images.give_up(shop.id, [ONE, TWO], kept=1) == []
    await roll(server)
    assert await images.give_up(shop.id, [ONE, TWO], kept=1) == [TWO]


async def test_a_value_that_is_purged_meanwhile_is_not_rolled_back_to(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"KEY": "s3cret"}})
    await served(server, ann, ONE)
    await ann.post(f"{SHOP}/variables", json={"unset": ["KEY"], "stage": True})
    await served(server, ann, TWO)
    shop = await app(server)
    while_looked_at(server, monkeypatch, lambda: server.records.variables.purge(shop.id, "KEY"))
    error = refused(await ann.post(f"{SHOP}/rollback"))
    assert (error.message, error.hint) == (
        "the value of KEY was purged; nothing was changed",
        "loco variables set KEY, then: loco deploy",
    )
    diagnosis = (await record(server, 3)).diagnosis
    assert diagnosis is not None
    assert diagnosis.cause == "value-purged"
    assert (await record(server, 2)).state == "live"


async def test_what_is_being_rolled_back_to_keeps_its_values(server: Api, ann: httpx.AsyncClient) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"KEY": "s3cret"}})
    await served(server, ann, ONE)
    await ann.post(f"{SHOP}/variables", json={"unset": ["KEY"], "stage": True})
    await served(server, ann, TWO)
    assert (await ann.post(f"{SHOP}/rollback")).status_code == 200
    assert isinstance(refused(await ann.post(f"{SHOP}/variables/KEY/purge")), Conflict)
    await roll(server)
    assert await server.records.variables.values((await app(server)).id, (await record(server, 3)).variables) == {
        "KEY": "s3cret"
    }


async def test_of_several_rollbacks_at_once_one_is_rolled_out(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    answers: list[httpx.Response] = []

    async def go_back() -> None:
        answers.append(await ann.post(f"{SHOP}/rollback"))

    async with anyio.create_task_group() as at_once:
        for _ in range(4):
            at_once.start_soon(go_back)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert "(rollback) by ann is accepted" in refused(answer).message
    states = [item.state for item in await server.records.deployments.of_app((await app(server)).id)]
    assert (states.count("accepted"), states.count("live")) == (1, 1)


async def test_those_who_scale_at_once_all_have_it(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)

    async def one_more() -> None:
        assert (await ann.post(f"{SHOP}/scale", json={"add": 1})).status_code == 200

    async with anyio.create_task_group() as at_once:
        for _ in range(3):
            at_once.start_soon(one_more)
    await roll(server)
    live = await server.records.deployments.live((await app(server)).id)
    assert live is not None
    assert live.spec.scale.replicas == 4
