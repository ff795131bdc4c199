"""What the cluster's autoscaler makes of `[scale]`, where metrics are served; whether they are is asked first."""

import pytest

from tests.kube.cluster import Kube
from tests.kube.test_flows import Cluster, cluster, registry
from tests.waiting import eventually_async

__all__ = ["cluster", "registry"]

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(600)]

BUSY = "httpd -p 8080 -h /www; while :; do :; done"
PATIENCE = 240
"""Seconds: metrics come, and the autoscaler looks, a few times a minute, once a pod has been ready for a while."""


@pytest.fixture
def metrics(kube: Kube) -> None:
    if "v1beta1" not in kube.run("get", "--raw", "/apis/metrics.k8s.io", check=False):
        pytest.skip("nobody serves metrics.k8s.io here (metrics-server)")


@pytest.mark.usefixtures("metrics")
async def test_a_busy_app_grows_to_its_most_and_stays_so_across_a_redeploy(cluster: Cluster) -> None:
    hello, engine = cluster.example("hello"), cluster.engine
    scale = {"min": 1, "max": 3, "cpu": 20}
    busy = {"command": ["sh", "-c", BUSY], "scale": scale, "resources": {"cpu": "0.1"}}
    await cluster.roll(hello.next(**busy))
    assert len(await engine.status(hello.app)) == 1

    async def grown() -> bool:
        return [each.state for each in await engine.status(hello.app)] == ["running"] * 3

    await eventually_async(grown, within=PATIENCE)

    async def measured() -> bool:
        used = {each.name: each for each in await engine.usage() if each.app.app_id == hello.app.app_id}
        names = {each.name for each in await engine.status(hello.app)}
        return used.keys() == names and all(each.cpu_millis > 20 and each.memory_bytes > 0 for each in used.values())

    await eventually_async(measured, within=PATIENCE)
    async with cluster.visited(hello.host):
        await cluster.roll(hello.next(**busy))
        await cluster.gone(hello.app, 1)
    there = await engine.status(hello.app)
    assert [(each.deployment, each.state) for each in there] == [(2, "running")] * 3, "not back to the least"
