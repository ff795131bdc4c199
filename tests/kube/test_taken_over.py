"""What a server that somebody has taken over may not do either: asked of a real API server."""

import dataclasses
from typing import Any

import pytest

from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.api import RefusedError
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.engines.kubernetes.render import fences, render
from loco_spec.names import new_id
from tests.contract.engines import new_app
from tests.kube.cluster import Kube
from tests.kube.samples import SMALL, rollout
from tests.kube.test_fence import applied, parts, routed, server_says
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

JSON = "application/json-patch+json"
PATCHES = {
    "an empty one": ("application/merge-patch+json", {}),
    "one that is refused before any policy sees it": (JSON, [{"op": "copy", "from": "/data", "path": "/kind"}]),
    "one that names the value": (JSON, [{"op": "copy", "from": "/data/password", "path": "/metadata/name"}]),
}


@pytest.mark.parametrize("patch", sorted(PATCHES))
async def test_no_patch_gives_a_secret_of_the_cluster(kube: Kube, engine: KubernetesEngine, patch: str) -> None:
    """An error about a patch may have all of what it is about in it, whatever admission would say."""
    api, _, _ = parts(engine)
    name, (content, body) = f"x-{new_id()}", PATCHES[patch]
    kube.run("create", "secret", "generic", name, "-n", "default", "--from-literal=password=sesame-sesame")
    try:
        with pytest.raises(RefusedError) as refused:
            await api._once("PATCH", f"/api/v1/namespaces/default/secrets/{name}", {}, body, content=content)
        assert refused.value.status == 403
        assert "c2VzYW1lLXNlc2FtZQ" not in refused.value.message
    finally:
        kube.run("delete", "secret", name, "-n", "default")


async def test_nothing_of_a_secret_of_the_cluster_is_replaced_or_deleted(kube: Kube, engine: KubernetesEngine) -> None:
    api, _, _ = parts(engine)
    name = f"x-{new_id()}"
    kube.run("create", "secret", "generic", name, "-n", "default", "--from-literal=password=sesame-sesame")
    try:
        given = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}}
        with pytest.raises(RefusedError, match="loco-fence") as refused:
            await api.make(given, replace=True)
        assert "c2VzYW1l" not in refused.value.message
        with pytest.raises(RefusedError, match="loco-fence") as refused:
            await api._json("DELETE", "/api/v1/namespaces/default/secrets", {"dryRun": "All"})
        assert "c2VzYW1l" not in refused.value.message
    finally:
        kube.run("delete", "secret", name, "-n", "default")


SERVICES: dict[str, dict[str, Any]] = {
    "external addresses": {"externalIPs": ["198.51.100.7"]},
    "a node's port": {"type": "NodePort"},
    "a load balancer": {"type": "LoadBalancer"},
    "another name": {"type": "ExternalName", "externalName": "kubernetes.default.svc"},
}


@pytest.mark.parametrize("what", sorted(SERVICES))
async def test_no_service_takes_an_address_from_outside(kube: Kube, engine: KubernetesEngine, what: str) -> None:
    """Made anew, and made of one that is there."""
    _, cluster, applier = parts(engine)
    app = new_app()
    await applied(engine, app, SMALL)
    space = names.namespace(app)
    kube.run("delete", "resourcequota", "app", "-n", space)  # which the server may widen
    service = next(each for each in render(cluster, rollout(SMALL, app=app)).exposure if each["kind"] == "Service")
    other = service | {"spec": service["spec"] | SERVICES[what]}
    with pytest.raises(RefusedError, match="is a ClusterIP, without addresses from outside"):
        await applier.apply(other)
    other = other | {"metadata": {"name": "x", "namespace": space}}
    with pytest.raises(RefusedError, match="is a ClusterIP, without addresses from outside"):
        await applier.apply(other)
    bare = {"name": "x", "namespace": space}, {"ports": [{"port": 80}]}
    await applier.apply({"apiVersion": "v1", "kind": "Service", "metadata": bare[0], "spec": bare[1]})


GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "loco", "namespace": "loco-system"}
PARENTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "another Gateway": [GATEWAY | {"name": "other"}],
    "one of another namespace": [GATEWAY | {"namespace": "default"}],
    "one of its own namespace": [{"name": "loco"}],
    "a Service, as a mesh has it": [GATEWAY | {"group": "", "kind": "Service"}],
    "another one besides": [GATEWAY, GATEWAY | {"name": "other"}],
}


@pytest.mark.parametrize("what", sorted(PARENTS))
async def test_a_route_attaches_to_the_one_gateway_alone(engine: KubernetesEngine, what: str) -> None:
    _, cluster, applier = parts(engine)
    app, unit = new_app(), routed(SMALL, f"{new_id()}.example.com")
    await applied(engine, app, unit)
    route = render(cluster, rollout(unit, app=app)).exposure[-1]
    with pytest.raises(RefusedError, match="names one parent, the Gateway of LOCO_GATEWAY"):
        await applier.apply(route | {"spec": route["spec"] | {"parentRefs": PARENTS[what]}})


async def test_the_gateway_of_the_settings_is_the_one(kube: Kube, engine: KubernetesEngine) -> None:
    _, cluster, applier = parts(engine)
    app, unit = new_app(), routed(SMALL, f"{new_id()}.example.com")
    await applied(engine, app, unit)
    route = render(dataclasses.replace(cluster, gateway="other"), rollout(unit, app=app)).exposure[-1]
    settings = ("patch", "configmap", "loco-server", "-n", "loco-system", "--type=merge", "-p")
    kube.run(*settings, '{"data":{"LOCO_GATEWAY":"other"}}')
    try:

        async def taken() -> bool:
            try:
                await applier.apply(route)
            except RefusedError:
                return False
            return True

        await eventually_async(taken, within=20)  # a policy sees what its settings say a moment later
    finally:
        kube.run(*settings, '{"data":{"LOCO_GATEWAY":"loco"}}')

        async def back() -> bool:
            try:
                await applier.apply(route)
            except RefusedError:
                return True
            return False

        await eventually_async(back, within=20)


LAX = {
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/enforce-version": "v1.0",
    "loco/gateway": "false",
}


@pytest.mark.parametrize("label", sorted(LAX))
@pytest.mark.parametrize("gone", [False, True])
async def test_a_namespace_is_as_strict_as_it_is_agreed_on(
    kube: Kube, engine: KubernetesEngine, label: str, gone: bool
) -> None:
    """Restricted as of an old version would be laxer: it knows fewer rules."""
    _, cluster, _ = parts(engine)
    space = fences.namespace(cluster, new_app(), ())
    assert "created" in server_says(kube, space)
    labels = {key: value for key, value in space["metadata"]["labels"].items() if key != label}
    space["metadata"]["labels"] = labels if gone else labels | {label: LAX[label]}
    assert "enforces Pod Security restricted as of v1.33" in server_says(kube, space)
