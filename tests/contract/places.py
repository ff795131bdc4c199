"""Where the promises of every engine are asked: Docker behind its edge, a cluster behind a gateway. Envoy in both."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import docker

from loco_server.engines.base import AppRef, Engine, LogQuery, Rollout, RolloutFailedError
from loco_server.engines.docker.engine import DockerEngine
from loco_server.engines.kubernetes import names
from loco_server.units import Unit, UnitRoute
from loco_spec.errors import Diagnosis
from loco_spec.names import new_id
from tests import inside
from tests.contract.engines import PROBE, MemoryKeeper, Told, new_app, owner, rollout, unit
from tests.kube.cluster import Kube
from tests.kube.led import led
from tests.loco_server.edge.real import RealEdge
from tests.waiting import eventually_async

SUBNETS = IPv4Network("10.218.0.0/16")


@dataclasses.dataclass
class Place:
    """One engine with what leads to it from outside, and one app."""

    engine: Engine
    keeper: MemoryKeeper
    edge: RealEdge
    image: str
    app: AppRef
    run_inside: Callable[[str, str], Awaitable[str]]
    """(instance, script) → what it printed."""
    take_away: Callable[[str], Awaitable[None]]
    """An instance, behind the engine's back."""
    one_offs: Callable[[], Awaitable[list[str]]]
    """The containers that somebody runs beside the instances."""
    next_server: Callable[[Sequence[Rollout]], Awaitable[None]]
    """Another server of this installation comes up, as after a kill, and reconciles once."""
    grace: float
    """Seconds that a first probe may take longer here than on a machine that does nothing else."""
    told: list[str] = dataclasses.field(default_factory=list)
    """What the person heard of the last rollout that failed."""

    @property
    def host(self) -> str:
        return f"{self.app.app_id}.example.com"

    def unit(self, **changes: Any) -> Unit:
        routes = (UnitRoute(self.host, "/", "http", strip_prefix=False),)
        plain = {"image": self.image, "routes": routes, "probe": dataclasses.replace(PROBE, grace=8 + self.grace)}
        return unit(**{**plain, "cpu_millis": 200, **changes})

    def rollout(
        self,
        deployment: int,
        *,
        attempt: int = 1,
        timeout_seconds: float = 60,
        app: AppRef | None = None,
        **changes: Any,
    ) -> Rollout:
        given = self.unit(**changes)
        return rollout(app or self.app, deployment, given, attempt=attempt, timeout_seconds=timeout_seconds)

    async def roll(self, wanted: Rollout) -> list[str]:
        told = Told()
        await self.engine.roll(wanted, emit=told, guard=owner)
        return told.lines

    async def fail(self, wanted: Rollout) -> Diagnosis:
        told = Told()
        try:
            await self.engine.roll(wanted, emit=told, guard=owner)
        except RolloutFailedError as failed:
            self.told = told.lines
            return failed.diagnosis
        raise AssertionError(f"it did not fail: {told.lines}")

    async def get(self, path: str = "/", *, host: str | None = None, headers: dict[str, str] | None = None) -> Any:
        """Ask from outside; give status and body."""
        return await asyncio.to_thread(self.edge.get, host or self.host, path, headers)

    async def answers(self, text: str, path: str = "/", *, host: str | None = None) -> None:
        """Wait until it does: a gateway hears of a change a moment later."""

        async def right() -> bool:
            return bool((await self.get(path, host=host)) == (200, text))

        await eventually_async(right, within=15)

    async def instances(self) -> list[str]:
        return [each.name for each in await self.engine.status(self.app)]

    async def lines(self, **query: Any) -> list[str]:
        return [line.text for batch in await self.batches(**query) for line in batch.lines]

    async def batches(self, **query: Any) -> list[Any]:
        return [batch async for batch in self.engine.logs(LogQuery(app=self.app, **query))]


@asynccontextmanager
async def on_docker(client: docker.DockerClient, image: str, folder: Path) -> AsyncIterator[Place]:
    edge, keeper = RealEdge(folder), MemoryKeeper()
    await edge.process.start()
    installation = new_id()

    def server() -> DockerEngine:
        parts: Any = {"edge": edge.files, "keeper": keeper, "subnets": SUBNETS, "data_dir": Path("/nowhere")}
        return DockerEngine(installation=installation, **parts)

    engine = server()
    app = new_app()

    def container(instance: str) -> Any:
        return client.containers.get(f"loco-{app.app_id}-{instance}")

    async def run_inside(instance: str, script: str) -> str:
        done = await asyncio.to_thread(inside.run_inside, container(instance), "sh", "-c", script)
        return done.stdout

    async def take_away(instance: str) -> None:
        await asyncio.to_thread(container(instance).remove, force=True)

    async def one_offs() -> list[str]:
        labels = [f"loco/installation={installation}", "loco/role=run"]
        found = await asyncio.to_thread(client.containers.list, all=True, filters={"label": labels})
        return [str(each.name) for each in found]

    async def next_server(wanted: Sequence[Rollout]) -> None:
        another = server()
        await another.reconcile(wanted, frozenset())
        await another.close()

    try:
        yield Place(engine, keeper, edge, image, app, run_inside, take_away, one_offs, next_server, grace=0)
    finally:
        await engine.remove_all()
        await engine.close()
        await edge.close()


@asynccontextmanager
async def on_kubernetes(kube: Kube, kubeconfig: Path, image: str, folder: Path) -> AsyncIterator[Place]:
    """`kubeconfig`: with the rights of the server, and no more."""
    app = new_app()
    space = names.namespace(app)

    def pod(instance: str) -> str:
        """`v1-x7k2p` is the end of a pod's name."""
        found = kube.json("get", "pods", "-n", space)["items"]
        return next(str(each["metadata"]["name"]) for each in found if names.instance(each)[0] == instance)

    async def run_inside(instance: str, script: str) -> str:
        return await asyncio.to_thread(lambda: kube.run("exec", "-n", space, pod(instance), "--", "sh", "-c", script))

    async def take_away(instance: str) -> None:
        await asyncio.to_thread(lambda: kube.run("delete", "pod", "-n", space, pod(instance), "--grace-period=0"))

    async def one_offs() -> list[str]:
        found = kube.json("get", "jobs", "-n", space, "-l", f"{names.ROLE}=run")["items"]
        return [str(each["metadata"]["name"]) for each in found]

    async with led(kube, kubeconfig, folder) as found:

        async def next_server(wanted: Sequence[Rollout]) -> None:
            """Once the stamps of the one that was killed are old."""
            for name in await one_offs():
                kube.run("annotate", "job", name, "-n", space, "--overwrite", f"{names.ATTENDED}=0")
            await found.engine.reconcile(wanted, frozenset())

        yield Place(
            found.engine, found.keeper, found.edge, image, app, run_inside, take_away, one_offs, next_server, grace=20
        )
