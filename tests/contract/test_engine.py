"""What every engine promises, asked of each member. Real parts: a Docker engine, iptables, containers that run."""

import asyncio
import dataclasses
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker
import pytest

from loco_server.edge.base import EdgeApp
from loco_server.engines import MEMBERS
from loco_server.engines.base import AppRef, Engine, Guard, LogQuery, Rollout, RolloutFailedError, StaleAttemptError
from loco_server.seam import load
from loco_server.units import Unit, UnitPort, UnitRoute
from loco_spec.errors import Diagnosis
from loco_spec.names import new_id
from tests.contract.engines import (
    MIB,
    PROBE,
    MemoryEdge,
    MemoryKeeper,
    Told,
    new_app,
    owner,
    rollout,
    unit,
    web_image,
)
from tests.inside import run_inside
from tests.waiting import eventually_async

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

SUBNETS = IPv4Network("10.214.0.0/16")


@dataclasses.dataclass
class World:
    """One engine with what is around it, and one app."""

    engine: Engine
    edge: MemoryEdge
    keeper: MemoryKeeper
    client: docker.DockerClient
    installation: str
    image: str
    app: AppRef

    def unit(self, **changes: Any) -> Unit:
        return unit(**{"image": self.image, **changes})

    def rollout(self, deployment: int, *, attempt: int = 1, timeout_seconds: float = 30, **changes: Any) -> Rollout:
        return rollout(self.app, deployment, self.unit(**changes), attempt=attempt, timeout_seconds=timeout_seconds)

    async def roll(self, rollout: Rollout) -> list[str]:
        told = Told()
        await self.engine.roll(rollout, emit=told, guard=owner)
        return told.lines

    async def fail(self, rollout: Rollout) -> Diagnosis:
        with pytest.raises(RolloutFailedError) as failed:
            await self.engine.roll(rollout, emit=Told(), guard=owner)
        return failed.value.diagnosis

    def containers(self) -> list[Any]:
        found = self.client.containers.list(
            all=True, ignore_removed=True, filters={"label": f"loco/app-id={self.app.app_id}"}
        )
        return sorted(found, key=lambda each: str(each.name))

    def names(self) -> list[str]:
        return [each.name.removeprefix(f"loco-{self.app.app_id}-") for each in self.containers()]

    def container(self, name: str) -> Any:
        return self.client.containers.get(f"loco-{self.app.app_id}-{name}")

    @property
    def served(self) -> EdgeApp:
        return self.edge.published()[self.app.app_id]

    async def lines(self, **query: Any) -> list[str]:
        return [line.text for batch in await self.batches(**query) for line in batch.lines]

    async def batches(self, **query: Any) -> list[Any]:
        return [batch async for batch in self.engine.logs(LogQuery(app=self.app, **query))]


@pytest.fixture(scope="session")
def web(docker_client: docker.DockerClient) -> str:
    return web_image(docker_client)


def member(name: str, **parts: Any) -> Engine:
    engine: Engine = load(MEMBERS, name, seam="engine")(subnets=SUBNETS, data_dir=Path("/nowhere"), **parts)
    return engine


@pytest.fixture(params=["docker"])
async def world(request: pytest.FixtureRequest, docker_client: docker.DockerClient, web: str) -> AsyncIterator[World]:
    edge, keeper, installation = MemoryEdge(), MemoryKeeper(), new_id()
    engine = member(request.param, installation=installation, edge=edge, keeper=keeper)
    yield World(engine, edge, keeper, docker_client, installation, web, new_app())
    await engine.remove_all()
    await engine.close()
    labelled = {"label": f"loco/installation={installation}"}
    assert docker_client.containers.list(all=True, ignore_removed=True, filters=labelled) == []
    assert docker_client.networks.list(filters=labelled) == []


def get(address: str, port: int = 8080, path: str = "/") -> str:
    try:
        with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=2) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)


# ---- rolling


async def test_a_dry_run_makes_nothing_whether_or_not_the_team_is_there(world: World) -> None:
    def networks() -> list[str]:
        listed = world.client.networks.list(filters={"label": f"loco/installation={world.installation}"})
        return [str(network.id) for network in listed]

    assert await world.engine.dry_run(world.rollout(1)) == ()
    assert (world.containers(), networks()) == ([], [])
    await world.engine.prepare(world.app)
    before = networks()
    assert await world.engine.dry_run(world.rollout(1)) == ()
    assert (world.containers(), networks(), world.edge.history) == ([], before, [])


async def test_a_first_roll_serves_every_replica_at_its_own_address(world: World) -> None:
    lines = await world.roll(world.rollout(1, replicas=2))
    (cluster,) = world.served.clusters
    assert cluster.name == f"{world.app.app_id}-v1-http"
    assert [get(address, port) for address, port in cluster.endpoints] == ["hello\n", "hello\n"]
    assert [(route.host, route.path, route.cluster) for route in world.served.routes] == [
        ("shop.localhost", "/", cluster.name)
    ]
    assert world.names() == ["v1-1", "v1-2"]
    assert [status.state for status in await world.engine.status(world.app)] == ["running", "running"]
    assert any(re.fullmatch(r"v1-1 is healthy \(\d+\.\d s\)", line) for line in lines)


async def test_the_next_roll_switches_then_drains_then_stops_the_old(world: World) -> None:
    await world.roll(world.rollout(1))
    old = world.served
    world.edge.active[old.clusters[0].name] = 1
    rolling = asyncio.create_task(world.roll(world.rollout(2)))
    await eventually_async(lambda: _told(len(world.edge.history) == 2))
    both = world.served
    assert {cluster.name for cluster in both.clusters} == {f"{world.app.app_id}-v{n}-http" for n in (1, 2)}
    assert {route.cluster for route in both.routes} == {f"{world.app.app_id}-v2-http"}
    await asyncio.sleep(0.3)
    assert world.names() == ["v1-1", "v2-1"], "the old is answering a request still"
    world.edge.active.clear()
    await rolling
    assert [cluster.name for cluster in world.served.clusters] == [f"{world.app.app_id}-v2-http"]
    assert world.names() == ["v2-1"]
    kept = [line.text for line in await world.keeper.kept(world.app.app_id)]
    assert kept == ["listening on 8080", "bye"], "SIGTERM came first, and its last words are kept"


async def test_a_drain_ends_after_the_old_deployments_drain_time(world: World) -> None:
    await world.roll(world.rollout(1, drain_seconds=0.5))
    world.edge.active[world.served.clusters[0].name] = 3
    lines = await world.roll(world.rollout(2))
    assert any("still answers 3 requests after 0.5 s" in line for line in lines)
    assert world.names() == ["v2-1"]


async def test_a_deployment_with_other_ports_and_routes_replaces_the_old_whole(world: World) -> None:
    await world.roll(world.rollout(1))
    ports = (UnitPort("web", 9000, "http"), UnitPort("side", 9001, "tcp"))
    await world.roll(
        world.rollout(
            2,
            command=("/run.sh", "9000"),
            ports=ports,
            probe=dataclasses.replace(PROBE, port=9000, path="/healthz"),
            routes=(UnitRoute("other.localhost", "/api", "web", strip_prefix=True),),
        )
    )
    (cluster,) = world.served.clusters
    assert (cluster.name, cluster.endpoints[0][1]) == (f"{world.app.app_id}-v2-web", 9000)
    assert [(route.host, route.path) for route in world.served.routes] == [("other.localhost", "/api")]


async def test_a_roll_that_is_done_already_changes_nothing(world: World) -> None:
    await world.roll(world.rollout(1))
    before, published = [each.id for each in world.containers()], len(world.edge.history)
    await world.roll(world.rollout(1, attempt=2))
    assert ([each.id for each in world.containers()], len(world.edge.history)) == (before, published)


class WorkerDied(Exception):
    pass


@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_a_roll_cut_at_any_step_is_finished_by_the_next_attempt(world: World, dies_at: int) -> None:
    await world.roll(world.rollout(1))
    steps = 0

    async def guard() -> None:
        nonlocal steps
        steps += 1
        if steps == dies_at:
            raise WorkerDied

    cut = True
    try:
        await world.engine.roll(world.rollout(2, replicas=2), emit=Told(), guard=guard)
        cut = False
    except WorkerDied:
        pass
    assert world.served.clusters[0].endpoints
    assert get(world.served.clusters[0].endpoints[0][0]) == "hello\n", "something serves at every point"
    await world.roll(world.rollout(2, attempt=2, replicas=2))
    assert world.names() == ["v2-1", "v2-2"]
    assert [cluster.name for cluster in world.served.clusters] == [f"{world.app.app_id}-v2-http"]
    assert cut == (dies_at <= steps)


async def test_a_later_attempt_is_never_touched_by_an_earlier_one(world: World) -> None:
    await world.roll(world.rollout(1, attempt=3))
    before = [each.id for each in world.containers()]
    with pytest.raises(StaleAttemptError):
        await world.roll(world.rollout(1, attempt=2))
    assert [each.id for each in world.containers()] == before


async def test_containers_are_fenced_in_limited_and_labelled(world: World) -> None:
    await world.roll(world.rollout(1, attempt=4, read_only=True, user=4242, group=77, cpu_millis=500))
    container = world.container("v1-1")
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert (host["CapDrop"], host["SecurityOpt"], host["Privileged"]) == (["ALL"], ["no-new-privileges:true"], False)
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (64 * MIB, 64 * MIB, 500_000_000)
    assert host["PidsLimit"] == 512
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["RestartPolicy"]["Name"] == "no", "nothing starts before the fence, not even after a reboot"
    assert not host["PortBindings"]
    assert (config["User"], "GREETING=hello" in config["Env"]) == ("4242:77", True)
    labels = config["Labels"]
    assert (labels["loco/installation"], labels["loco/app-id"]) == (world.installation, world.app.app_id)
    assert (labels["loco/deployment"], labels["loco/attempt"], labels["loco/number"]) == ("1", "4", "1")
    script = "id -u; id -g; touch /tmp/ok && echo tmp; touch /x || echo closed"
    assert run_inside(container, "sh", "-c", script).stdout.split() == ["4242", "77", "tmp", "closed"]


# ---- cancelled: within two seconds, also in the middle of a wait, and nothing is left


class Cancelled(Exception):
    pass


def cancelled_once(what: asyncio.Event) -> Guard:
    """A guard that raises from the moment on."""

    async def guard() -> None:
        if what.is_set():
            raise Cancelled

    return guard


async def test_a_roll_that_waits_for_health_stops_when_it_is_cancelled(world: World) -> None:
    await world.roll(world.rollout(1))
    before, cancel = world.served, asyncio.Event()
    slow = world.rollout(2, command=sh("exec sleep 60"), probe=dataclasses.replace(PROBE, grace=60), replicas=2)
    rolling = asyncio.create_task(world.engine.roll(slow, emit=Told(), guard=cancelled_once(cancel)))
    await eventually_async(lambda: _told([each.status for each in world.containers()] == ["running"] * 3))
    cancel.set()
    with pytest.raises(Cancelled):
        await asyncio.wait_for(rolling, 2.5)
    await world.engine.withdraw(slow)
    assert (world.names(), world.served) == (["v1-1"], before)


async def test_a_release_command_stops_when_it_is_cancelled(world: World) -> None:
    cancel, first = asyncio.Event(), world.rollout(1)
    running = asyncio.create_task(
        world.engine.release(first, sh("sleep 60"), timeout_seconds=60, emit=Told(), guard=cancelled_once(cancel))
    )
    await eventually_async(lambda: _told("running" in [each.status for each in world.containers()]))
    cancel.set()
    with pytest.raises(Cancelled):
        await asyncio.wait_for(running, 2.5)
    await world.engine.withdraw(first)
    assert world.names() == []


async def test_what_serves_is_not_withdrawn(world: World) -> None:
    await world.roll(world.rollout(1))
    await world.engine.withdraw(world.rollout(1))
    assert world.names() == ["v1-1"]
    with pytest.raises(StaleAttemptError):
        await world.engine.withdraw(world.rollout(1, attempt=0))


# ---- diagnosis: each keeps the previous deployment serving, and leaves nothing of the new one


@pytest.fixture
async def serving(world: World) -> World:
    await world.roll(world.rollout(1))
    return world


async def explained(world: World, cause: str, **changes: Any) -> Diagnosis:
    before = world.served
    diagnosis = await world.fail(world.rollout(2, **changes))
    assert diagnosis.cause == cause, diagnosis
    assert world.served == before
    assert get(before.clusters[0].endpoints[0][0]) == "hello\n"
    assert world.names() == ["v1-1"]
    assert diagnosis.hint
    return diagnosis


def sh(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


async def test_an_app_that_exits_at_once_is_told_with_code_and_last_lines(serving: World) -> None:
    script = "for i in $(seq 30); do echo line $i; done; exit 3"
    diagnosis = await explained(
        serving, "exited", command=sh(script), probe=dataclasses.replace(PROBE, grace=300), replicas=2
    )
    assert "exit code 3" in diagnosis.message
    assert diagnosis.lines == tuple(f"line {n}" for n in range(11, 31))
    assert diagnosis.seconds < 5, "it does not wait for the grace"
    assert (await serving.lines())[-1] == "line 30", "its log stays readable"


async def test_a_redirect_on_the_same_host_is_followed(world: World) -> None:
    await world.roll(world.rollout(1, probe=dataclasses.replace(PROBE, path="/cgi-bin/home.sh")))


async def test_an_edge_that_rejects_leaves_the_former_serving(serving: World) -> None:
    serving.edge.rejects = True
    diagnosis = await explained(serving, "edge-rejected")
    assert diagnosis.phase == "switching"


async def test_a_deployment_that_takes_too_long_fails_within_its_time(serving: World) -> None:
    before = serving.served
    diagnosis = await serving.fail(serving.rollout(2, command=sh("exec sleep 60"), timeout_seconds=1.5))
    assert diagnosis.seconds < 4
    assert serving.served == before


# ---- the release command


async def test_a_release_command_gives_its_exit_code_and_lines(world: World) -> None:
    told = Told()
    first = world.rollout(1)
    command = sh("echo migrating; echo $GREETING; exit 5")
    result = await world.engine.release(first, command, timeout_seconds=20, emit=told, guard=owner)
    assert (result.exit_code, result.lines) == (5, ("migrating", "hello"))
    assert world.names() == ["v1-release"], "kept until the roll: its result may not be recorded yet"
    again = await world.engine.release(world.rollout(1, attempt=2), command, timeout_seconds=20, emit=told, guard=owner)
    assert again == result
    await world.roll(world.rollout(1, attempt=2))
    assert world.names() == ["v1-1"]
    assert [line.text for line in await world.keeper.kept(world.app.app_id)] == ["migrating", "hello"]


async def test_a_resumed_release_attaches_to_the_command_that_runs(world: World) -> None:
    command = sh("while [ ! -e /tmp/go ]; do sleep 0.05; done; echo done")
    cut = asyncio.create_task(
        world.engine.release(world.rollout(1), command, timeout_seconds=20, emit=Told(), guard=owner)
    )
    await eventually_async(lambda: _told("running" in [each.status for each in world.containers()]))
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    resumed = asyncio.create_task(
        world.engine.release(world.rollout(1, attempt=2), command, timeout_seconds=20, emit=Told(), guard=owner)
    )
    run_inside(world.container("v1-release"), "touch", "/tmp/go").check_returncode()
    assert (await resumed).exit_code == 0


async def test_a_release_command_that_vanishes_has_an_unknown_outcome(world: World) -> None:
    running = asyncio.create_task(
        world.engine.release(world.rollout(1), sh("sleep 60"), timeout_seconds=20, emit=Told(), guard=owner)
    )
    await eventually_async(lambda: _told("running" in [each.status for each in world.containers()]))
    world.container("v1-release").remove(force=True)
    assert (await running).exit_code is None


async def test_a_release_command_that_takes_too_long_is_killed(world: World) -> None:
    with pytest.raises(RolloutFailedError) as failed:
        await world.engine.release(
            world.rollout(1), sh("echo on it; sleep 60"), timeout_seconds=0.5, emit=Told(), guard=owner
        )
    assert failed.value.diagnosis.cause == "release-timeout"
    assert failed.value.diagnosis.lines == ("on it",)
    assert [each.status for each in world.containers()] == ["exited"]


# ---- reconcile


async def test_reconcile_starts_what_stopped_and_makes_anew_what_is_gone(world: World) -> None:
    live = world.rollout(1, replicas=2)
    await world.roll(live)
    world.container("v1-1").stop(timeout=0)
    world.container("v1-2").remove(force=True)
    await world.engine.reconcile([live], frozenset())
    assert [each.status for each in world.containers()] == ["running", "running"]
    await eventually_async(lambda: _told(all(get(a) for a, _ in world.served.clusters[0].endpoints)))
    assert [status.restarts for status in await world.engine.status(world.app)] == [1, 0]


async def test_reconcile_publishes_what_the_edge_lacks_and_retires_what_nobody_wants(world: World) -> None:
    live = world.rollout(1)
    await world.roll(live)
    truth = world.served
    await world.edge.retire(world.app.app_id)
    await world.edge.publish(EdgeApp(app_id="stranger", clusters=(), routes=()))
    await world.engine.reconcile([live], frozenset())
    assert dict(world.edge.published()) == {world.app.app_id: truth}


async def test_reconcile_removes_orphans_but_never_what_is_busy(world: World) -> None:
    await world.roll(world.rollout(1))
    await world.engine.reconcile([], frozenset({world.app.app_id}))
    assert world.names() == ["v1-1"]
    await world.engine.reconcile([], frozenset())
    assert world.names() == []
    assert world.app.app_id not in world.edge.published()
    assert (await world.lines())[-1] == "bye"


async def test_reconcile_leaves_another_installation_alone(world: World) -> None:
    await world.roll(world.rollout(1))
    other = member("docker", installation=new_id(), edge=MemoryEdge(), keeper=MemoryKeeper())
    await other.reconcile([], frozenset())
    await other.remove_all()
    await other.close()
    assert world.names() == ["v1-1"]


async def test_reconcile_does_nothing_and_is_quick_when_all_is_right(world: World) -> None:
    live = world.rollout(1)
    await world.roll(live)
    before, published = [each.id for each in world.containers()], len(world.edge.history)
    started = asyncio.get_running_loop().time()
    await world.engine.reconcile([live], frozenset())
    assert asyncio.get_running_loop().time() - started < 1
    assert ([each.id for each in world.containers()], len(world.edge.history)) == (before, published)


async def test_a_sick_instance_gets_no_traffic_until_it_is_well(world: World) -> None:
    live = world.rollout(1, replicas=2, probe=dataclasses.replace(PROBE, path="/healthz", interval=0.0))
    await world.roll(live)
    both = world.served.clusters[0].endpoints
    sick = world.container("v1-1")
    run_inside(sick, "mv", "/www/healthz", "/www/away", user="root").check_returncode()
    for _ in range(PROBE.failures):
        await world.engine.reconcile([live], frozenset())
    states = {status.name: (status.state, status.reason) for status in await world.engine.status(world.app)}
    assert states == {"v1-1": ("unhealthy", "GET /healthz answers 404"), "v1-2": ("running", None)}
    assert world.served.clusters[0].endpoints == both[1:]
    run_inside(sick, "mv", "/www/away", "/www/healthz", user="root").check_returncode()
    await world.engine.reconcile([live], frozenset())
    assert world.served.clusters[0].endpoints == both


# ---- the rest


async def test_status_tells_of_a_stopped_instance(world: World) -> None:
    await world.roll(world.rollout(1))
    world.container("v1-1").kill()
    (status,) = await world.engine.status(world.app)
    assert (status.name, status.state, status.reason) == ("v1-1", "stopped", "exit code 137")
    assert status.started_at is not None
    assert abs((datetime.now(UTC) - status.started_at).total_seconds()) < 60


async def test_destroy_removes_all_of_the_app_and_is_no_error_twice(world: World) -> None:
    await world.roll(world.rollout(1, replicas=2))
    await world.engine.destroy(world.app)
    assert world.names() == []
    assert world.edge.published() == {}
    assert world.client.networks.list(names=[f"loco-{world.app.team_id}"]) == []
    await world.engine.destroy(world.app)


async def test_stop_keeps_the_containers_for_the_next_start(world: World) -> None:
    live = world.rollout(1)
    await world.roll(live)
    await world.engine.stop()
    assert [each.status for each in world.containers()] == ["exited"]
    await world.engine.reconcile([live], frozenset())
    assert [each.status for each in world.containers()] == ["running"]


async def test_an_unknown_app_has_no_status_no_logs_and_nothing_in_use(world: World) -> None:
    assert await world.engine.status(world.app) == []
    assert await world.engine.in_use(world.app) == frozenset()
    assert await world.batches(tail=10) == []


async def test_check_says_yes(world: World) -> None:
    await world.engine.check()


async def _told(value: Any) -> Any:
    return value


async def test_following_goes_on_across_a_redeploy(world: World) -> None:
    chatty = sh("trap 'echo last-$V; exit 0' TERM; httpd -p 8080 -h /www; echo first-$V; while :; do sleep 0.05; done")
    await world.roll(world.rollout(1, command=chatty, env=(("V", "1"),)))
    seen: list[str] = []

    async def read() -> None:
        async with aclosing(world.engine.logs(LogQuery(app=world.app, follow=True))) as batches:  # type: ignore[type-var]
            async for batch in batches:
                seen.extend(line.text for line in batch.lines)

    reader = asyncio.create_task(read())
    await eventually_async(lambda: _told("first-1" in seen), within=2)
    await world.roll(world.rollout(2, command=chatty, env=(("V", "2"),)))
    await eventually_async(lambda: _told(len(seen) >= 3), within=2)
    reader.cancel()
    assert sorted(seen) == ["first-1", "first-2", "last-1"]
