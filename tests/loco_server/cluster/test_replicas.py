"""Two servers on one PostgreSQL: what one has closed, the other refuses too; what the registry is shown is good."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.loco_server.cluster.conftest import Start
from tests.loco_server.cluster.registry import asked, bought, distribution, pushed
from tests.loco_server.cluster.serving import Replica, environment, session
from tests.loco_server.records.databases import Records
from tests.registry_client import Image, layer
from tests.waiting import eventually_async

pytestmark = [pytest.mark.anyio, pytest.mark.sample("cluster_replicas")]


@pytest.fixture
def registry(tmp_path: Path, database: str) -> Iterator[str]:
    with distribution(tmp_path, Path(environment(tmp_path, database)["LOCO_KEYS_DIR"])) as url:
        yield url


async def begun(server: Replica, token: str, team: str) -> dict[str, Any]:
    """Begin a deployment at a server; give its push ticket."""
    made = await server.client.post(
        f"/v1/teams/{team}/apps/shop/deployments",
        json={"spec": {"name": "shop"}},
        headers={"authorization": f"Bearer {token}"},
    )
    made.raise_for_status()
    ticket: dict[str, Any] = made.json()["ticket"]
    return ticket


async def test_what_one_server_closes_the_other_refuses_within_two_seconds(
    start: Start, database: str, registry: str
) -> None:
    token = await session(database, "ann")
    first, second = start(LOCO_REGISTRY_URL=registry), start(LOCO_REGISTRY_URL=registry)
    for each in (first, second):
        await eventually_async(each.is_ready, within=30)
    ticket = await begun(first, token, "ann")
    assert ticket["registry"] == "registry.apps.example.com"
    bearer = await bought(second, ticket)
    uploads = f"/v2/{ticket['repository']}/blobs/uploads/"

    # What is answered opens the real registry; what the tenant holds does not, and reads nothing.
    await pushed(second, registry, ticket, Image([layer({"app": b"1"})]))
    async with httpx.AsyncClient(base_url=registry) as client:
        assert (await client.post(uploads, headers={"authorization": f"Bearer {bearer}"})).status_code == 401
    assert (await asked(second, "GET", f"/v2/{ticket['repository']}/tags/list", bearer)).status_code == 404

    cancelled = await first.client.post(
        "/v1/teams/ann/apps/shop/deployments/v1/cancel", headers={"authorization": f"Bearer {token}"}
    )
    cancelled.raise_for_status()
    closed = time.monotonic()
    assert (await asked(first, "POST", uploads, bearer)).status_code == 401

    async def refused() -> bool:
        return (await asked(second, "POST", uploads, bearer)).status_code == 401

    await eventually_async(refused, within=2)
    assert time.monotonic() - closed < 2

    # A server that starts later knows it from its first answer on.
    third = start(LOCO_REGISTRY_URL=registry)
    await eventually_async(third.is_ready, within=30)
    assert (await asked(third, "POST", uploads, bearer)).status_code == 401


async def test_a_suspended_team_pushes_and_pulls_nothing_at_the_other_server(start: Start, database: str) -> None:
    token = await session(database, "ann")
    first, second = start(), start()
    for each in (first, second):
        await eventually_async(each.is_ready, within=30)
    ticket = await begun(first, token, "ann")
    bearer = await bought(second, ticket)
    uploads = f"/v2/{ticket['repository']}/blobs/uploads/"
    assert (await asked(second, "POST", uploads, bearer)).status_code == 200
    assert "suspended" in await first.operator("admin", "suspend", "team", "ann", "--reason", "mines coins")

    async def refused() -> bool:
        return (await asked(second, "POST", uploads, bearer)).status_code == 401

    await eventually_async(refused, within=2)


async def test_what_a_server_was_rolling_out_at_its_end_goes_on_at_the_other(
    start: Start, database: str, registry: str
) -> None:
    token = await session(database, "ann")
    headers = {"authorization": f"Bearer {token}"}
    first = start(LOCO_REGISTRY_URL=registry)
    await eventually_async(first.is_ready, within=30)
    ticket = await begun(first, token, "ann")
    digest = await pushed(first, registry, ticket, Image([layer({"app": b"1"})]))
    path = "/v1/teams/ann/apps/shop/deployments/v1"
    (await first.client.post(f"{path}/image", json={"digest": digest}, headers=headers)).raise_for_status()
    records = Records(database)

    async def owner() -> str | None:
        found = await records.deployments.in_state("rolling")
        return found[0].owner if found else None

    before = await eventually_async(owner, within=20)  # the stub's pods never get ready
    second = start(LOCO_REGISTRY_URL=registry)
    await eventually_async(second.is_ready, within=30)
    assert await owner() == before

    async def taken() -> bool:
        return await owner() not in {None, before}

    assert await first.ended(within=20) < 20
    await eventually_async(taken, within=5)
    (await second.client.post(f"{path}/cancel", headers=headers)).raise_for_status()

    async def cancelled() -> bool:
        return bool((await second.client.get(path, headers=headers)).json()["state"] == "cancelled")

    await eventually_async(cancelled, within=20)
    await records.database.close()
