"""What several servers tell: of the records the same, of themselves their own, and every line of it as JSON."""

import json

import pytest

from tests.loco_server.cluster.conftest import Start
from tests.loco_server.cluster.serving import Replica, session
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


async def told(server: Replica, path: str = "/metrics") -> dict[str, float]:
    """Give what is asked at the port for metrics, by the series."""
    answer = await server.client.get(f"http://127.0.0.1:{server.metrics}{path}")
    assert answer.status_code == 200
    lines = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in lines}


async def test_all_say_the_same_of_the_records_and_each_its_own_of_itself(start: Start, database: str) -> None:
    token = await session(database, "ann")
    first, second = start(LOCO_TRUSTED_PROXIES="127.0.0.0/8"), start()
    for each in (first, second):
        await eventually_async(each.is_ready, within=60)
    for name in ("shop", "blog"):
        path = f"/v1/teams/ann/apps/{name}/deployments"
        made = await first.client.post(
            path, json={"spec": {"name": name}}, headers={"authorization": f"Bearer {token}"}
        )
        assert made.status_code == 201, made.text + first.said
    saying = [await told(each) for each in (first, second)]
    assert [each['loco_deployments{state="created"}'] for each in saying] == [2, 2]
    assert [each["loco_apps"] for each in saying] == [2, 2]
    assert [each["loco_engine_up"] for each in saying] == [1, 1]
    counted = 'loco_http_requests_total{endpoint="/v1/teams/{team}/apps/{app}/deployments",method="POST",status="201"}'
    assert [each.get(counted) for each in saying] == [2, None]
    assert (await told(second, "/metrics/apps"))['loco_app_deployments_total{app="blog",team="ann"}'] == 1
    for path in ("/metrics", "/metrics/apps"):  # the Gateway leads the world to the API's port
        assert (await first.client.get(path)).status_code == 404

    through = {"x-request-id": ID, "x-forwarded-for": "192.0.2.7"}
    assert (await first.client.get("/v1/server", headers=through)).headers["x-request-id"] == ID
    forged = await second.client.get("/v1/server", headers={"x-request-id": ID})
    assert forged.headers["x-request-id"] != ID
    lines = [json.loads(line) for line in first.said.splitlines()]
    assert {"loco", "loco.requests"} <= {line["logger"] for line in lines}
    assert [line["endpoint"] for line in lines if line.get("request_id") == ID] == ["/v1/server"]
    assert token not in first.said
