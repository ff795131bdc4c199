"""The server with the shipped rights on a real Kubernetes API: from a request for a deployment to what is applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from loco_spec.names import new_id
from tests.kube.cluster import Kube
from tests.loco_server.cluster.registry import distribution, pushed
from tests.loco_server.cluster.serving import DOMAIN, Replica, environment, session
from tests.postgres import Postgres
from tests.registry_client import Image, layer
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


async def test_a_deployment_gets_as_far_as_a_cluster_without_nodes_lets_it(
    kube: Kube, server_kubeconfig: Path, postgres: Postgres, tmp_path: Path
) -> None:
    name = new_id()
    database = postgres.make(name, template="migrated")
    variables = environment(tmp_path, database, LOCO_KUBECONFIG=str(server_kubeconfig))
    with distribution(tmp_path, Path(variables["LOCO_KEYS_DIR"])) as registry:
        server = Replica(tmp_path / "replica", variables | {"LOCO_REGISTRY_URL": registry})
        try:
            await _deploys(kube, server, database, registry)
        finally:
            await server.close()
            kube.run("delete", "namespaces", "-l", "loco/app=server-test", "--wait=false")
    postgres.drop(name)


async def _deploys(kube: Kube, server: Replica, database: str, registry: str) -> None:
    server.start()
    await eventually_async(server.is_ready, within=60)
    headers = {"authorization": f"Bearer {await session(database, 'ann')}"}
    app = "/v1/teams/ann/apps/server-test"
    spec = {"name": "server-test", "env": {"COLOUR": "blue"}}
    made = await server.client.post(f"{app}/deployments", json={"spec": spec}, headers=headers)
    made.raise_for_status()
    ticket = made.json()["ticket"]
    found = await pushed(server, registry, ticket, Image([layer({"app": b"1"})]))
    taken = await server.client.post(f"{app}/deployments/v1/image", json={"digest": found}, headers=headers)
    taken.raise_for_status()

    async def applied() -> Any:
        said = json.loads(kube.run("get", "deployments", "-A", "-l", "loco/app=server-test", "-o", "json"))
        return said["items"]

    [deployment] = await eventually_async(applied, within=60)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"registry.{DOMAIN}/{ticket['repository']}@{found}"
    namespace = deployment["metadata"]["namespace"]
    assert namespace.startswith("loco-app-server-test-")
    there = kube.run("get", "secrets,networkpolicies,resourcequotas", "-n", namespace, "-o", "name")
    for kind in ("secret/", "networkpolicy.networking.k8s.io/", "resourcequota/"):
        assert kind in there
    status = (await server.client.get(app, headers=headers)).json()
    assert status["latest"]["state"] == "rolling"
    cancelled = await server.client.post(f"{app}/deployments/v1/cancel", headers=headers)
    cancelled.raise_for_status()

    async def over() -> bool:
        item = (await server.client.get(f"{app}/deployments/v1", headers=headers)).json()
        return bool(item["state"] == "cancelled")

    await eventually_async(over, within=30)
    assert await server.ended(within=20) < 20
