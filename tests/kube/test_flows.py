"""Whole flows on a whole cluster, pods and all, with exactly the rights of the shipped role."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from loco_server.engines.attached import Start
from loco_server.engines.base import AppRef, EngineDownError, LogQuery, Rollout, RolloutFailedError, Suspension
from loco_server.engines.kubernetes import attached_pods, channels, names
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.units import Autoscale
from loco_spec.errors import Diagnosis
from loco_spec.names import new_id
from tests.contract.engines import MIB, MemoryKeeper, Told, owner
from tests.kube import images
from tests.kube.cluster import BASE, Kube
from tests.kube.examples import Example, example
from tests.kube.led import led
from tests.loco_server.edge.real import RealEdge
from tests.waiting import eventually_async

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


@pytest.fixture(scope="module")
def registry(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not kube.whole:
        pytest.skip("LOCO_TEST_KUBECONFIG names no cluster that runs pods")
    with images.registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@dataclasses.dataclass
class Cluster:
    """The engine, its traffic, and what it asked of the API."""

    kube: Kube
    engine: KubernetesEngine
    keeper: MemoryKeeper
    edge: RealEdge
    client: docker.DockerClient
    registry: str
    team_id: str = dataclasses.field(default_factory=new_id)

    def example(self, folder: str) -> Example:
        domain = f"{self.team_id}.example.com"  # its own, so that no other run has the host
        return example(self.client, self.registry, folder, team_id=self.team_id, domain=domain)

    async def roll(self, rollout: Rollout) -> list[str]:
        told = Told()
        await self.engine.roll(rollout, emit=told, guard=owner)
        return told.lines

    async def fail(self, rollout: Rollout) -> Diagnosis:
        with pytest.raises(RolloutFailedError) as failed:
            await self.roll(rollout)
        return failed.value.diagnosis

    async def get(self, host: str, path: str = "/") -> tuple[int, str]:
        return await asyncio.to_thread(self.edge.get, host, path)

    async def answers(self, host: str, pattern: str, path: str = "/") -> None:
        async def right() -> bool:
            status, text = await self.get(host, path)
            return status == 200 and re.search(pattern, text) is not None

        await eventually_async(right, within=20)

    async def gone(self, app: AppRef, deployment: int) -> None:
        async def none() -> bool:
            return all(each.deployment != deployment for each in await self.engine.status(app))

        await eventually_async(none, within=60)

    @asynccontextmanager
    async def visited(self, host: str, path: str = "/") -> AsyncIterator[None]:
        """Three visitors ask all the time; each must be answered with 200, every time."""
        stop, answers = asyncio.Event(), list[int]()

        async def visit() -> None:
            while not stop.is_set():
                answers.append((await self.get(host, path))[0])

        visitors = [asyncio.create_task(visit()) for _ in range(3)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*visitors)
        assert set(answers) == {200}, {status: answers.count(status) for status in set(answers)}
        assert len(answers) > 50


@pytest.fixture
async def cluster(
    kube: Kube, server_kubeconfig: Path, registry: str, docker_client: docker.DockerClient, tmp_path: Path
) -> AsyncIterator[Cluster]:
    (tmp_path / "edge").mkdir()
    async with led(kube, server_kubeconfig, tmp_path / "edge") as found:
        yield Cluster(kube, found.engine, found.keeper, found.edge, docker_client, registry)


async def test_hello_is_deployed_redeployed_failed_rolled_back_scaled_suspended_and_destroyed(cluster: Cluster) -> None:
    hello = cluster.example("hello")
    engine, app, host = cluster.engine, hello.app, hello.host
    first = hello.next()
    await engine.prepare(app)
    await cluster.roll(first)
    await cluster.answers(host, r"^Hello from hello v1, ")
    lines: list[tuple[int, str]] = []

    async def follow() -> None:
        async for batch in engine.logs(LogQuery(app=app, follow=True)):
            lines.extend((line.deployment, line.text) for line in batch.lines)

    following = asyncio.create_task(follow())
    async with cluster.visited(host):
        second = hello.next(scale={"replicas": 2})
        await cluster.roll(second)
        await cluster.answers(host, r"^Hello from hello v2, ")
        failed = await cluster.fail(hello.next(command=["sh", "-c", "echo no database >&2; exit 4"]))
        assert (failed.cause, failed.lines) == ("exited", ("no database",))
        assert "exit code 4" in failed.message
        await cluster.gone(app, 3)
        hello.number = 3
        again = dataclasses.replace(first, deployment=4)
        await cluster.roll(again)
        await cluster.gone(app, 2)
        assert [each.deployment for each in await engine.status(app)] == [4]
        hello.number = 4
        await cluster.roll(hello.next(scale={"replicas": 3}))
        assert len(await engine.status(app)) >= 3
        last = hello.next()
        await cluster.roll(last)
        await cluster.gone(app, 5)
    following.cancel()
    assert {deployment for deployment, _ in lines} >= {2, 4, 5}, "the log was followed across them all"
    assert (await engine.in_use(app)) == {hello.image.rpartition("@")[2]}

    suspension = Suspension(app=app, routes=last.unit.routes, notice="suspended\n")
    await engine.suspend(suspension)

    async def silent() -> bool:
        return (await cluster.get(host))[0] == 503

    await eventually_async(silent, within=20)
    await engine.reconcile([last], frozenset())
    await cluster.answers(host, "^Hello")
    await engine.destroy(app)
    assert cluster.kube.run("get", "namespace", names.namespace(app), check=False).startswith("Error")


async def test_two_apps_of_the_shop_share_a_host_and_reach_one_another(cluster: Cluster) -> None:
    api, ui = cluster.example("shop/api"), cluster.example("shop/ui")
    ui.others, api.others = (api,), (ui,)
    assert ui.host == api.host
    await cluster.roll(api.next())
    assert dict(ui.next().unit.env)["LOCO_APP_SHOP_API_HOST"] == f"shop-api.{names.namespace(api.app)}.svc"
    (pod,) = cluster.kube.json("get", "pods", "-n", names.namespace(api.app))["items"]
    argv = ("exec", "-n", names.namespace(api.app), pod["metadata"]["name"], "--", "cat", "/etc/resolv.conf")
    # Where a cluster has no DNS of its own, the one is not told of the other, and its page says so.
    ui.others, ui.number = ((api,) if "svc.cluster.local" in cluster.kube.run(*argv) else ()), 0
    await cluster.roll(ui.next())
    await cluster.answers(ui.host, "anchor" if ui.others else "There was no shop-api")
    await cluster.answers(api.host, '"from": "shop-api v1"', "/api")
    async with cluster.visited(ui.host), cluster.visited(api.host, "/api"):
        await asyncio.gather(cluster.roll(api.next()), cluster.roll(ui.next(scale={"replicas": 2})))
        await cluster.gone(api.app, 1)
        await cluster.gone(ui.app, 1)
    await cluster.answers(ui.host, "shop-api v2" if ui.others else "There was no shop-api")
    await cluster.engine.destroy(ui.app)
    await cluster.answers(api.host, "anchor", "/api")
    assert (await cluster.get(ui.host))[0] == 404


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ({"command": ["no-such-program"]}, "command-not-found", "no-such-program"),
        ({"command": ["sh", "-c", "sh -c 'kill -SEGV $$'; exit 139"]}, "killed", "SIGSEGV"),
        ({"health": {"path": "/nothing", "grace": "3s"}}, "probe-status", "404"),
        ({"command": ["sh", "-c", "sleep 600"], "health": {"grace": "3s"}}, "probe-refused", "8080"),
        ({"resources": {"cpu": "100"}}, "unschedulable", "Insufficient cpu"),
    ],
    ids=["command", "signal", "probe", "refused", "unschedulable"],
)
async def test_what_fails_is_explained_and_the_former_serves_on(
    cluster: Cluster, changes: dict[str, Any], cause: str, words: str
) -> None:
    hello = cluster.example("hello")
    await cluster.roll(hello.next())
    await cluster.answers(hello.host, "^Hello")
    async with cluster.visited(hello.host):
        wanted = dataclasses.replace(hello.next(**changes), timeout_seconds=40)
        found = await cluster.fail(wanted)
        await cluster.gone(hello.app, 2)
    assert found.cause == cause, found
    assert words in found.message or any(words in fact.text for fact in found.evidence)
    assert found.hint


async def test_out_of_memory_a_missing_image_and_a_full_quota_are_told(cluster: Cluster) -> None:
    hello = cluster.example("hello")
    await cluster.roll(hello.next())
    eats = hello.next(command=["sh", "-c", "x=0123456789abcdef; while :; do x=$x$x$x$x; done"])
    eats = dataclasses.replace(eats, unit=dataclasses.replace(eats.unit, memory_bytes=32 * MIB))
    assert (await cluster.fail(eats)).cause == "out-of-memory"

    missing = hello.next()
    image = re.sub("sha256:.*", f"sha256:{'0' * 64}", hello.image)
    told = await cluster.fail(dataclasses.replace(missing, unit=dataclasses.replace(missing.unit, image=image)))
    assert (told.cause, told.phase) == ("image-gone", "pulling")
    assert "not found" in told.evidence[-1].text
    assert "a-pull-ticket" not in told.model_dump_json()

    space = names.namespace(hello.app)
    hard = '{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"tight"},"spec":{"hard":{"pods":"1"}}}'
    cluster.kube.run("create", "-n", space, "-f", "-", given=hard)
    full = await cluster.fail(dataclasses.replace(hello.next(), timeout_seconds=30))
    assert (full.cause, "tight" in full.evidence[0].text) == ("quota-exceeded", True)
    cluster.kube.run("delete", "resourcequota", "tight", "-n", space)
    await cluster.roll(hello.next())


async def test_variables_that_are_not_there_are_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    hello = cluster.example("hello")
    live = hello.next()
    await cluster.roll(live)

    async def taken_away(_: Any) -> None:
        """Somebody removes the Secret as soon as it is made."""

    monkeypatch.setattr(cluster.engine._applier, "ensure", taken_away)
    wanted = hello.next()
    failed = await cluster.fail(dataclasses.replace(wanted, timeout_seconds=30))
    assert failed.cause == "config-missing"
    assert names.env_secret(wanted) in failed.evidence[0].text
    monkeypatch.undo()
    await cluster.engine.reconcile([live], frozenset())
    await cluster.answers(hello.host, "^Hello")


async def test_drift_is_repaired_and_what_others_hold_is_left_to_them(cluster: Cluster) -> None:
    hello = cluster.example("hello")
    live = hello.next()
    await cluster.roll(live)
    space, kube = names.namespace(hello.app), cluster.kube
    kube.run("delete", "service,networkpolicy,httproute", "--all", "-n", space)
    kube.run("annotate", "deployment", "web", "-n", space, "ann.example.com/note=mine")
    kube.run("set", "image", "deployment/web", "web=127.0.0.1:9/other:1", "-n", space)
    await cluster.engine.reconcile([live], frozenset())
    await cluster.answers(hello.host, "^Hello")
    assert {each["metadata"]["name"] for each in kube.json("get", "networkpolicy", "-n", space)["items"]} == {
        "egress",
        "ingress",
        "isolated",
    }
    found = kube.json("get", "deployment", "web", "-n", space)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == hello.image
    assert found["metadata"]["annotations"]["ann.example.com/note"] == "mine"


async def test_what_holds_a_namespace_back_is_reported(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    hello = cluster.example("hello")
    await cluster.roll(hello.next())
    space, kube = names.namespace(hello.app), cluster.kube
    held = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held","finalizers":["example.com/never"]}}'
    kube.run("create", "-n", space, "-f", "-", given=held)
    monkeypatch.setattr("loco_server.engines.kubernetes.engine.GONE_SECONDS", 45.0)
    with pytest.raises(EngineDownError, match=r"example\.com/never"):
        await cluster.engine.destroy(hello.app)
    kube.run("patch", "configmap", "held", "-n", space, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    monkeypatch.undo()
    await cluster.engine.destroy(hello.app)


async def test_a_container_that_restarts_keeps_what_it_said_before(cluster: Cluster) -> None:
    hello = cluster.example("hello")
    script = "echo born; httpd -p 8080 -h /www; while [ ! -e /tmp/die ]; do sleep 0.2; done; echo dies; exit 7"
    await cluster.roll(hello.next(command=["sh", "-c", script]))
    (status,) = await cluster.engine.status(hello.app)
    (pod,) = cluster.kube.json("get", "pods", "-n", names.namespace(hello.app))["items"]
    argv = ("exec", "-n", names.namespace(hello.app), pod["metadata"]["name"], "--")
    cluster.kube.run(*argv, "touch", "/tmp/die")

    async def restarted() -> bool:
        return [each.restarts for each in await cluster.engine.status(hello.app)] == [1]

    await eventually_async(restarted, within=30)

    async def lines() -> list[tuple[str, str]]:
        batches = [batch async for batch in cluster.engine.logs(LogQuery(app=hello.app))]
        return [(line.instance, line.text) for batch in batches for line in batch.lines]

    async def both() -> bool:
        return await lines() == [(status.name, text) for text in ("born", "dies", "born")]

    await eventually_async(both, within=20)


async def test_the_role_has_exactly_the_verbs_that_are_used(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was missing would be refused by the API, one too many stands here."""
    used: set[tuple[str, str, str]] = set()
    once = KubernetesApi._once

    async def recorded(self: KubernetesApi, method: str, path: str, query: Any, body: Any, **rest: Any) -> Any:
        answer = None
        try:
            answer = await once(self, method, path, query, body, **rest)
            return answer
        finally:
            if self is cluster.engine._api:
                used.update(verbs(method, path, query, None if answer is None else answer.status))

    reached = channels.opened

    async def entered(api: KubernetesApi, namespace: str, pod: str, sub: str, *rest: Any) -> Any:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/{sub}"
        for method in ("GET", "POST"):  # a WebSocket begins with a GET, and is authorized as the POST besides
            used.update(("get" if method == "GET" else "create", *each[1:]) for each in verbs(method, path, {}, 101))
        return await reached(api, namespace, pod, sub, *rest)

    monkeypatch.setattr(attached_pods, "opened", entered)
    monkeypatch.setattr(KubernetesApi, "_once", recorded)
    hello, engine = cluster.example("hello"), cluster.engine
    app = hello.app
    await engine.check()
    await engine.prepare(app)
    first = hello.next()
    await engine.release(first, ("sh", "-c", "exit 0"), timeout_seconds=60, emit=Told(), guard=owner)
    await cluster.roll(first)
    grown = hello.next(scale={"replicas": 2})
    await engine.dry_run(grown)  # by the verbs of the rollout itself
    routes = (
        *grown.unit.routes,
        dataclasses.replace(grown.unit.routes[0], host=f"other.{cluster.team_id}.example.com"),
    )
    await cluster.roll(dataclasses.replace(grown, unit=dataclasses.replace(grown.unit, routes=routes)))
    scaled = hello.next()
    unit = dataclasses.replace(scaled.unit, autoscale=Autoscale(most=3, cpu_percent=70), ports=scaled.unit.ports)
    await cluster.roll(dataclasses.replace(scaled, unit=unit))
    assert (await cluster.fail(hello.next(command=["sh", "-c", "exit 3"]))).cause == "exited"
    [first_one, *_] = await engine.status(app)
    for way in (
        engine.exec(app, first_one.name, Start(("true",))),
        engine.run(first, Start(("true",))),
        engine.connect(app, first_one.name, 8080),
    ):
        async with way:
            pass
    await engine.usage()
    await engine.in_use(app)
    async for _ in engine.logs(LogQuery(app=app)):
        pass
    live = hello.next()
    live = dataclasses.replace(live, unit=dataclasses.replace(live.unit, ports=(), routes=()))
    await cluster.roll(live)
    await engine.suspend(Suspension(app=app, routes=(), notice=""))
    cancelled = hello.next()
    await engine.withdraw(cancelled)
    await engine.reconcile([live], frozenset())
    new = cluster.example("hello")
    failing = new.next(command=["sh", "-c", "exit 3"])
    assert (await cluster.fail(failing)).cause == "exited", "nothing was there before: the Deployment goes"
    await engine.destroy(app)
    role = next(
        each
        for each in yaml.safe_load_all((BASE / "cluster-role.yaml").read_text())
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "loco-server"
    )
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert used == granted


def verbs(method: str, path: str, query: dict[str, str], status: int | None) -> Iterator[tuple[str, str, str]]:
    """Give (verb, group, resource) as the authorizer of the API sees a request."""
    match = re.fullmatch(
        r"/(?:api|apis/(?P<group>[^/]+))/v[^/]+"
        r"(?:/namespaces/[^/]+(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?",
        path,
    )
    if match is None:
        return  # discovery, which everybody may ask
    group = match["group"] or ""
    resource = match["plural"] + (f"/{match['sub']}" if match["sub"] else "")
    named = match["name"] is not None
    if method == "GET":
        yield ("get" if named else "watch" if query.get("watch") else "list"), group, resource
    elif method == "DELETE":
        yield ("delete" if named else "deletecollection"), group, resource
    elif method in {"POST", "PUT"}:
        yield ("create" if method == "POST" else "update"), group, resource
    else:
        yield "patch", group, resource
        if status == 201:
            yield "create", group, resource  # asked for besides, where the object is new
