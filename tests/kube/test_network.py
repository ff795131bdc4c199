"""Who reaches whom, where the cluster's network plugin enforces NetworkPolicies; whether it does is tried first."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_server.engines.base import AppRef
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.kubernetes_settings import Kubernetes
from loco_spec.names import new_id
from tests.contract.engines import PROBE, MemoryKeeper, Told, new_app, owner, rollout, unit, web_image
from tests.kube import images
from tests.kube.cluster import Kube
from tests.waiting import eventually, eventually_async

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

SECURE = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


SHIPPED = Path(__file__).parents[2] / "deploy/kubernetes/base/network-policies.yaml"


def pod(
    name: str, image: str, marks: dict[str, str] | None = None, ports: dict[str, int] | None = None
) -> dict[str, Any]:
    """It listens on 8080, or on ports of these names."""
    named = ports or {"http": 8080}
    listens = "; ".join(f"httpd -p {port} -h /www" for port in named.values())
    container = {
        "name": "web",
        "image": image,
        "command": ["sh", "-c", f"{listens}; exec sleep 3600"],
        "ports": [{"name": name, "containerPort": port} for name, port in named.items()],
        "securityContext": SECURE,
        "readinessProbe": {"tcpSocket": {"port": max(named.values())}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": marks or {}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


@dataclasses.dataclass
class Network:
    kube: Kube
    image: str

    @property
    def node(self) -> str:
        (node, *_) = self.kube.json("get", "nodes")["items"]
        return next(str(each["address"]) for each in node["status"]["addresses"] if each["type"] == "InternalIP")

    def run(self, namespace: str, manifest: dict[str, Any]) -> str:
        """Run a pod until it is ready; give its address."""
        name = manifest["metadata"]["name"]
        self.kube.run("create", "-n", namespace, "-f", "-", given=json.dumps(manifest))
        self.kube.run("wait", "-n", namespace, f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        return str(self.kube.json("get", "pod", name, "-n", namespace)["status"]["podIP"])

    def reaches(self, namespace: str, name: str, address: str, port: int = 8080) -> bool:
        """Nothing is sent: stdin is at its end, and Debian's nc has no option for it."""
        argv = ("exec", "-n", namespace, name, "--", "nc", "-w", "2", address, str(port))
        return "exit code 1" not in self.kube.run(*argv, check=False)


@pytest.fixture(scope="module")
def network(
    kube: Kube, docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """Skipped where a policy that lets nobody in lets somebody in."""
    if not kube.whole:
        pytest.skip("LOCO_TEST_KUBECONFIG names no cluster that runs pods")
    with images.registry(tmp_path_factory.mktemp("registry")) as address:
        image = images.pushed(docker_client, web_image(docker_client), address, "loco-test/web")
        found, space = Network(kube, image), f"probe-{new_id()}"
        kube.run("create", "namespace", space)
        try:
            target = found.run(space, pod("target", image))
            found.run(space, pod("asker", image))
            assert found.reaches(space, "asker", target), "without a policy everybody is let in"
            policy = {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "nobody"},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
            }
            kube.run("create", "-n", space, "-f", "-", given=json.dumps(policy))
            if all(found.reaches(space, "asker", target) for _ in range(5)):
                pytest.skip("the cluster's network plugin enforces no NetworkPolicy")
        finally:
            kube.run("delete", "namespace", space, "--wait=false")
        yield found


@pytest.fixture
def spaces(network: Network) -> Iterator[dict[str, str]]:
    """Namespaces in place of those that the shipped policies name, and one of nobody's."""
    found = {each: f"probe-{new_id()}" for each in ("loco-system", "envoy-gateway-system", "monitoring", "strangers")}
    for name in found.values():
        network.kube.run("create", "namespace", name)
    try:
        yield found
    finally:
        network.kube.run("delete", "namespace", *found.values(), "--wait=false")


def test_the_server_and_the_registry_are_reached_by_those_who_have_to_and_the_registry_reaches_nobody(
    network: Network, spaces: dict[str, str]
) -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    for name, instead in spaces.items():
        shipped = shipped.replace(name, instead)
    ports = {"server": {"api": 8080, "authorization": 8081, "metrics": 8082}, "registry": {"registry": 8080}}
    system, addresses = spaces["loco-system"], {}
    for name, own in ports.items():
        marks = {"app.kubernetes.io/name": f"loco-{name}"}
        addresses[name] = network.run(system, pod(name, network.image, marks, own))
    askers = {"proxy": "envoy-gateway-system", "prometheus": "monitoring", "stranger": "strangers"}
    for name, space in askers.items():
        network.run(spaces[space], pod(name, network.image))
    network.kube.run("create", "-f", "-", given=shipped)

    def reached(space: str, name: str) -> set[str]:
        return {
            port
            for target, own in ports.items()
            for port, number in own.items()
            if target != name and network.reaches(space, name, addresses[target], number)
        }

    eventually(lambda: reached(spaces["strangers"], "stranger") == set(), within=30)
    assert reached(spaces["envoy-gateway-system"], "proxy") == {"api", "authorization", "registry"}
    assert reached(spaces["monitoring"], "prometheus") == {"metrics"}
    assert reached(system, "server") == {"registry"}
    assert reached(system, "registry") == set()


@pytest.fixture
async def engine(server_kubeconfig: Path, network: Network) -> AsyncIterator[KubernetesEngine]:
    # As an operator does where nodes have addresses that are not private: `admin check` asks for it.
    settings = Kubernetes(kubeconfig=str(server_kubeconfig), blocked=(f"{network.node}/32",))
    found = KubernetesEngine(installation=new_id(), keeper=MemoryKeeper(), kubernetes=settings)
    yield found
    await found.remove_all()
    await found.close()


async def test_a_team_reaches_its_own_apps_and_nobody_elses_and_nothing_private(
    network: Network, engine: KubernetesEngine
) -> None:
    team = new_id()
    one, two, other = new_app("one", team_id=team), new_app("two", team_id=team), new_app("other")
    addresses: dict[AppRef, tuple[str, str]] = {}
    for app in (one, two, other):
        patient = dataclasses.replace(PROBE, grace=60)
        wanted = rollout(app, 1, unit(network.image, routes=(), probe=patient, cpu_millis=100), timeout_seconds=90)
        await engine.roll(wanted, emit=Told(), guard=owner)
        (found,) = network.kube.json("get", "pods", "-n", names.namespace(app))["items"]
        addresses[app] = (found["metadata"]["name"], found["status"]["podIP"])

    async def reaches(app: AppRef, address: str, port: int = 8080) -> bool:
        return await asyncio.to_thread(network.reaches, names.namespace(app), addresses[app][0], address, port)

    async def settled() -> bool:
        return await reaches(one, addresses[two][1]) and not await reaches(one, addresses[other][1])

    await eventually_async(settled, within=30)
    assert await reaches(two, addresses[one][1])
    assert not await reaches(other, addresses[one][1])
    api = network.kube.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    assert not await reaches(one, api, 443), "the API server"
    assert not await reaches(one, network.node, 10250), "the kubelet"
    assert not await reaches(one, "169.254.169.254", 80), "a cloud's metadata"
    network.run("default", pod(f"stranger-{one.app_id}", network.image))
    try:
        assert not network.reaches("default", f"stranger-{one.app_id}", addresses[one][1])
    finally:
        network.kube.run("delete", "pod", f"stranger-{one.app_id}", "-n", "default", "--grace-period=0", "--force")
