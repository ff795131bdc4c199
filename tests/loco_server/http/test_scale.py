"""Scale: what is live with another [scale], and nothing else of it."""

from typing import Any

import httpx
import pytest

from loco_spec import again
from loco_spec.errors import ConfigError, InvalidRequest, NotFound, Refused
from loco_spec.quota import Quota
from tests.loco_server.http.api import Api, created, live, refused, running
from tests.loco_server.http.test_rollback import ONE, SHOP, TWO, back, record, roll, served
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


async def scale(ann: httpx.AsyncClient, **asked: Any) -> again.Scaled:
    answer = await ann.post(f"{SHOP}/scale", json=asked)
    assert answer.status_code == 200, answer.text
    return again.Scaled.model_validate(answer.json())


async def test_a_new_number_has_so_many_and_all_else_as_it_was(server: Api, ann: httpx.AsyncClient) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "1"}})
    await served(server, ann, ONE, env={"LOG": "info"})
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "2"}, "stage": True})
    done = await scale(ann, replicas=3)
    assert (done.deployment.number, done.deployment.action, done.deployment.base) == (2, "scale", 1)
    assert [(change.field, change.after) for change in done.changes] == [("scale.replicas", "3")]
    await roll(server)
    first, now = await record(server, 1), await record(server, 2)
    assert now.spec == first.spec.model_copy(update={"scale": now.spec.scale})
    assert (now.state, now.digest, now.routes, now.variables) == ("live", ONE, first.routes, {"A": 1})


async def test_more_and_fewer_are_counted_from_what_is_live_or_about_to_be(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await scale(ann, add=2)
    done = await scale(ann, add=-1)
    assert (done.deployment.number, (await record(server, 3)).spec.scale.replicas) == (3, 2)
    await roll(server)
    error = refused(await ann.post(f"{SHOP}/scale", json={"add": -2}))
    assert isinstance(error, InvalidRequest)
    assert error.message == "shop has 2 replicas, and keeps one at least"


async def test_as_many_as_there_are_is_no_new_number(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    for asked in ({"replicas": 1}, {"min": 1}, {"add": 0}):
        same = await scale(ann, **asked)
        assert (same.unchanged, same.deployment.number, same.changes) == (True, 1, ())


async def test_of_a_range_what_is_not_said_stays(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE, scale={"replicas": 2})
    done = await scale(ann, max=5, cpu=60)
    assert done.notes == ("this server does not scale by itself yet: it runs min, which is 2",)
    await roll(server)
    assert (await record(server, 2)).spec.scale.model_dump() == {"replicas": None, "min": 2, "max": 5, "cpu": 60}
    await scale(ann, max=6)
    await roll(server)
    assert (await record(server, 3)).spec.scale.model_dump() == {"replicas": None, "min": 2, "max": 6, "cpu": 60}
    error = refused(await ann.post(f"{SHOP}/scale", json={"add": 1}))
    assert (error.message, error.hint) == (
        "shop scales between 2 and 6 by itself: say its range, or one number",
        "loco scale --max 7",
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"max": 1}, "scale.max: expected at least min, which is 2"),
        ({"cpu": 70}, "scale.cpu: expected max beside it: cpu is the target of autoscaling"),
        ({"add": 49}, "scale.replicas: expected a whole number from 1 to 50"),
    ],
)
async def test_what_loco_toml_would_be_refused_for_is_refused(
    server: Api, ann: httpx.AsyncClient, asked: dict[str, int], message: str
) -> None:
    await served(server, ann, ONE, scale={"replicas": 2})
    error = refused(await ann.post(f"{SHOP}/scale", json=asked))
    assert isinstance(error, ConfigError)
    assert error.message == message


@pytest.mark.parametrize("asked", [{}, {"replicas": 2, "add": 1}, {"replicas": 2, "max": 3}, {"replicas": 0}])
async def test_one_way_of_asking_is_taken_at_a_time(server: Api, ann: httpx.AsyncClient, asked: dict[str, int]) -> None:
    await served(server, ann, ONE)
    assert isinstance(refused(await ann.post(f"{SHOP}/scale", json=asked)), InvalidRequest)


async def test_a_quota_is_held(records: Records, tmp_path: Any) -> None:
    async with running(records, tmp_path) as server:
        ann = await server.client()
        await live(server, ann)
        team = await records.team()
        await records.quotas.change(team.id, lambda _: {"replicas": 2})
        assert Quota().replicas > 2
        error = refused(await ann.post(f"{SHOP}/scale", json={"replicas": 3}))
        assert isinstance(error, Refused)
        assert "replicas" in error.message
        assert (await record(server, 1)).state == "live"


async def test_without_anything_live_nothing_is_scaled(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert isinstance(refused(await ann.post(f"{SHOP}/scale", json={"replicas": 2})), NotFound)


async def test_after_a_rollback_a_scale_keeps_its_variables_too(server: Api, ann: httpx.AsyncClient) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "1"}})
    await served(server, ann, ONE)
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "2"}})
    await roll(server)
    await served(server, ann, TWO)
    await back(ann, number=1)
    await roll(server)
    await scale(ann, replicas=2)
    await roll(server)
    assert ((await record(server, 5)).digest, (await record(server, 5)).variables) == (ONE, {"A": 1})
