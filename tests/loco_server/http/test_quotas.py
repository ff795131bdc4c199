"""Quotas over the API: refused before the build, again when the image arrives, and never what runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loco_server.flows.quotas import ManageQuotas, QuotaUse
from loco_server.policy.quota import NAMES
from loco_server.settings import Limits
from loco_spec.errors import ImageRefused, NotFound, Refused, UsageError
from loco_spec.quota import Quota
from tests.loco_server.http.api import Api, create, created, live, push, refused, running
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio

TEAM = Quota(apps=3, cpu=1000, memory=1 << 30, replicas=4, deployments_per_hour=5, image=5000, context=100)
SHOP = "/v1/teams/ann/apps/shop"


@pytest.fixture
async def server(records: Records, tmp_path: Path) -> AsyncIterator[Api]:
    async with running(records, tmp_path, limits=Limits(team=TEAM)) as found:
        yield found


@pytest.fixture
def quotas(server: Api) -> ManageQuotas:
    return ManageQuotas(limits=server.settings.limits, quotas=server.records.quotas)


def no(answer: httpx.Response) -> Refused:
    error = refused(answer)
    assert type(error) is Refused
    return error


async def newest(server: Api, name: str = "shop") -> tuple[str, str | None]:
    app = await server.records.apps.find((await server.records.team()).id, name)
    assert app is not None
    item = (await server.records.deployments.of_app(app.id, limit=1))[0]
    return item.state, item.reason


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"scale": {"replicas": 5}}, "cpu 1.25"),
        ({"scale": {"max": 5}, "resources": {"cpu": "10m"}}, "memory 1280Mi"),
        ({"scale": {"max": 5}, "resources": {"cpu": "10m", "memory": "6Mi"}}, "replicas 5"),
    ],
)
async def test_too_much_is_refused_before_anything_is_made(
    server: Api, ann: httpx.AsyncClient, spec: dict[str, Any], said: str
) -> None:
    server.engine.capacity = AssertionError("the engine was asked for room")
    assert said in no(await create(ann, spec=spec)).message
    assert await server.records.apps.all() == []


async def test_an_image_that_comes_after_another_app_took_the_room_fails_with_the_reason(
    server: Api, ann: httpx.AsyncClient
) -> None:
    half = {"scale": {"replicas": 3}}
    first, second = await created(ann, app="one", spec=half), await created(ann, app="shop", spec=half)
    assert (await push(server, ann, first)).status_code == 200
    error = no(await push(server, ann, second))
    assert "its other apps have 0.75 of it" in error.message
    assert await newest(server) == ("failed", error.message)
    assert await newest(server, "one") == ("accepted", None)


async def test_a_lowered_quota_stops_nothing_and_lets_the_app_be_deployed_again_as_it_is(
    server: Api, ann: httpx.AsyncClient, quotas: ManageQuotas
) -> None:
    await live(server, ann, spec={"scale": {"replicas": 2}})
    await quotas.change("ann", ["replicas=1", "cpu=10m", "memory=6Mi", "apps=0"])
    assert (await ann.post(f"{SHOP}/redeploy")).status_code == 201
    no(await create(ann, spec={"scale": {"replicas": 3}}))
    no(await create(ann, app="other"))


async def test_numbers_run_out_for_deploys_redeploys_and_variables_alike_and_say_when_there_is_one(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    for _ in range(3):
        await created(ann, app="other")
    assert (await ann.post(f"{SHOP}/redeploy")).status_code == 201
    variables = {"set": {"A": "1"}}
    for answer in (
        await create(ann),
        await create(ann, app="other"),
        await ann.post(f"{SHOP}/redeploy"),
        await ann.post(f"{SHOP}/variables", json=variables),
    ):
        assert "made 5 deployments within an hour; its quota is 5" in no(answer).message
        assert 3590 <= int(answer.headers["retry-after"]) <= 3600
    assert (await ann.get(f"{SHOP}/variables")).json() == {"variables": []}
    staged = await ann.post(f"{SHOP}/variables", json={**variables, "stage": True})
    assert staged.status_code == 200
    assert (await ann.post("/v1/teams/ann/apps/third/variables", json=variables)).status_code == 200


async def test_what_changes_nothing_takes_no_number(server: Api, ann: httpx.AsyncClient, quotas: ManageQuotas) -> None:
    await live(server, ann)
    item = (await ann.get(SHOP)).json()["live"]
    await quotas.change("ann", ["deployments-per-hour=1"])
    answer = await create(ann, digest=item["digest"])
    assert (answer.status_code, answer.json()["unchanged"]) == (201, True)


async def test_variables_make_no_app_beyond_the_most(server: Api, ann: httpx.AsyncClient) -> None:
    for name in ("one", "two", "three"):
        await created(ann, app=name)
    error = no(await ann.post("/v1/teams/ann/apps/four/variables", json={"set": {"A": "1"}}))
    assert "four would be one app more, and team ann has 3; 3 is the most" in error.message
    assert len(await server.records.apps.all()) == 3


async def test_a_context_is_judged_by_what_its_client_says(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann, context_bytes=100)
    await created(ann)
    assert (
        "the build context has 101 B; the most for team ann is 100 B"
        in no(await create(ann, context_bytes=101)).message
    )
    for odd in (-1, True, "1"):
        assert (await create(ann, context_bytes=odd)).status_code == 422


async def test_an_image_is_measured_by_the_teams_own_quota(
    server: Api, ann: httpx.AsyncClient, quotas: ManageQuotas
) -> None:
    assert isinstance(refused(await push(server, ann, await created(ann), size=5001)), ImageRefused)
    await quotas.change("ann", ["image=6KB"])
    assert (await push(server, ann, await created(ann), size=5001)).status_code == 200


async def test_the_operator_sees_what_a_team_has_and_changes_it(
    server: Api, ann: httpx.AsyncClient, quotas: ManageQuotas
) -> None:
    await live(server, ann, spec={"scale": {"replicas": 2}})
    before = (await quotas.show("ann")).quotas
    assert tuple(before) == NAMES
    assert before["cpu"] == QuotaUse(used=500, limit=1000, overridden=False)
    assert before["image"] == QuotaUse(used=None, limit=5000, overridden=False)
    assert (before["apps"].used, before["replicas"].used, before["deployments_per_hour"].used) == (1, 2, 1)
    after = (await quotas.change("ann", ["cpu=4", "apps=9"])).quotas
    assert after["cpu"] == QuotaUse(used=500, limit=4000, overridden=True)
    assert after["apps"] == QuotaUse(used=1, limit=9, overridden=True)
    assert (await quotas.change("ann", ["cpu=default"])).quotas["cpu"] == before["cpu"]
    with pytest.raises(UsageError):
        await quotas.change("ann", ["apps=1", "gpus=1"])
    assert (await quotas.show("ann")).quotas["apps"].limit == 9
    for ask in (quotas.show("nobody"), quotas.change("nobody", ["apps=1"])):
        with pytest.raises(NotFound, match="nobody"):
            await ask
