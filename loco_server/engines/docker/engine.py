"""The member of the seam: puts the parts together and keeps the engine's own errors inside."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from loco_server.edge.base import Edge, EdgeRejectedError
from loco_server.engines.attached import Attached, Start, within
from loco_server.engines.base import (
    AppRef,
    Emit,
    EngineDownError,
    Guard,
    InstanceStatus,
    InstanceUsage,
    LogKeeper,
    LogQuery,
    ReleaseResult,
    Rollout,
    Suspension,
)
from loco_server.engines.docker import images, traffic
from loco_server.engines.docker.attaching import Attacher
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.fence import Fence
from loco_server.engines.docker.instances import Instances, State, together
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs.hub import Hubs
from loco_server.engines.docker.logs.stream import stream
from loco_server.engines.docker.names import Found
from loco_server.engines.docker.networks import Networks
from loco_server.engines.docker.reconciling import STEADY_SECONDS, Reconciler
from loco_server.engines.docker.releasing import Releaser
from loco_server.engines.docker.rolling import Roll, Roller
from loco_server.engines.docker.suspending import Suspender
from loco_server.engines.docker.usage import usage
from loco_spec.errors import Diagnosis
from loco_spec.events import LogBatch

STOP_SECONDS = 10.0
DESTROY_SECONDS = 2.0


class DockerEngine:
    """A rootful Docker engine on this Linux machine, whose containers are dialled at their own addresses."""

    def __init__(
        self,
        *,
        installation: str,
        edge: Edge,
        keeper: LogKeeper,
        subnets: IPv4Network,
        base_url: str | None = None,
        **_: Any,
    ) -> None:
        """Every member of the seam is offered what any of them needs (`**_`)."""
        self._edge = edge
        self._keeper = keeper
        self._docker = Docker(base_url)
        self._listing = Listing(self._docker, installation)
        self._networks = Networks(self._docker, Fence(), installation=installation, pool=subnets)
        self._hubs = Hubs(self._docker, self._listing, keeper)
        self._instances = Instances(
            self._docker, self._networks, self._listing, keeper, installation=installation, left=self._hubs.left
        )
        self._roller = Roller(self._docker, self._instances, self._listing, edge)
        self._releaser = Releaser(self._docker, self._instances)
        self._attacher = Attacher(self._docker, self._networks, self._listing, installation=installation)
        self._suspender = Suspender(self._instances, self._listing, edge)
        self._at_work: Counter[str] = Counter()
        self._done_at: dict[str, float] = {}
        self._reconciling = asyncio.Lock()
        self._reconciler = Reconciler(
            self._docker,
            self._networks,
            self._instances,
            self._listing,
            edge,
            self._suspender,
            worked_on=lambda app_id, since: self._at_work[app_id] > 0 or self._done_at.get(app_id, 0.0) >= since,
        )

    def host(self, app: AppRef) -> str:
        return app.app  # an alias in the team's network

    async def check(self) -> None:
        with _told():
            info = await self._docker.call("info")
        options = " ".join(info.get("SecurityOptions") or ())
        system = str(info.get("OperatingSystem", ""))
        if info.get("OSType") != "linux" or "rootless" in options or "Docker Desktop" in system:
            raise EngineDownError(
                f"the engine at {self._docker.url} ({system}) keeps its containers where this machine cannot dial them:"
                " loco needs a rootful Docker engine on Linux"
            )

    async def prepare(self, app: AppRef) -> None:
        with _told():
            await self._networks.ensure(app)

    async def dry_run(self, rollout: Rollout) -> tuple[str, ...]:
        """What can be told without doing it: whether the team has a network, or could have one."""
        with _told():
            await self._networks.room(rollout.app)
        return ()

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        with _told(), self._working(rollout.app):
            return await self._releaser.release(
                rollout, command, timeout_seconds=timeout_seconds, emit=emit, guard=guard
            )

    async def roll(self, rollout: Rollout, *, emit: Emit, guard: Guard) -> Diagnosis | None:
        with _told(), self._working(rollout.app):
            return await self._roller.roll(Roll(rollout, emit, guard))

    async def tidy(self, app: AppRef) -> None:
        with _told(), self._working(app):
            await images.tidy(self._docker, app, keep=await self.in_use(app))

    async def withdraw(self, rollout: Rollout) -> None:
        with _told(), self._working(rollout.app):
            await self._roller.withdraw(rollout)

    async def suspend(self, suspension: Suspension) -> None:
        with _told(), self._working(suspension.app):
            await self._attacher.remove(suspension.app.app_id)
            try:
                await self._suspender.suspend(suspension)
            except EdgeRejectedError as error:
                raise EngineDownError(f"what ran was stopped, but the edge does not say so yet: {error}") from error

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        with _told():
            async with self._reconciling:
                await self._attacher.tidy()
                await self._reconciler.reconcile(wanted, busy, suspended)

    async def status(self, app: AppRef) -> Sequence[InstanceStatus]:
        with _told():
            containers = [found for found in await self._listing.now(app.app_id) if found.role == "app"]
            known = await asyncio.gather(*(self._status(found) for found in containers))
        return [status for status in known if status is not None]

    async def usage(self) -> Sequence[InstanceUsage]:
        with _told():
            running = [found for found in await self._listing.now() if found.running]
            measured = await asyncio.gather(*(self._measured(found) for found in running))
        return [each for each in measured if each is not None]

    async def logs(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        with _told():
            async with aclosing(self._stream(query)) as batches:
                async for batch in batches:
                    yield batch

    def exec(self, app: AppRef, instance: str, start: Start) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.exec(app, instance, start))

    def run(self, rollout: Rollout, start: Start) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.run(rollout, start))

    def connect(self, app: AppRef, instance: str, port: int) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.connect(app, instance, port))

    async def in_use(self, app: AppRef) -> frozenset[str]:
        with _told():
            return frozenset(found.digest for found in await self._listing.now(app.app_id) if found.digest)

    async def destroy(self, app: AppRef) -> None:
        with _told(), self._working(app):
            await self._edge.retire(app.app_id)
            await self._attacher.remove(app.app_id)
            containers = await self._listing.now(app.app_id)
            await together([self._end(found) for found in containers])
            await images.tidy(self._docker, app, keep=frozenset())
            await self._networks.release_team(app.team_id)

    async def stop(self) -> None:
        with _told():
            await self._attacher.remove()
            running = [found for found in await self._listing.now() if found.running]
            await together([self._instances.stop(found, min(found.drain_seconds, STOP_SECONDS)) for found in running])

    async def remove_all(self) -> None:
        with _told():
            for app_id in list(self._edge.published()):
                await self._edge.retire(app_id)
            await self._attacher.remove()
            containers = await self._listing.now()
            await together([self._instances.remove(found) for found in containers])
            for app in {found.app for found in containers}:
                await images.tidy(self._docker, app, keep=frozenset())
            await self._networks.remove_all()

    async def close(self) -> None:
        self._docker.close()

    def _stream(self, query: LogQuery) -> AsyncGenerator[LogBatch, None]:
        return stream(self._docker, self._listing, self._keeper, self._hubs, query)

    async def _end(self, found: Found) -> None:
        await self._instances.stop(found, min(found.drain_seconds, DESTROY_SECONDS))
        await self._instances.remove(found)

    async def _status(self, found: Found) -> InstanceStatus | None:
        state = await self._instances.state(found)
        if state is None:
            return None
        life, reason = self._reconciler.life(found), None
        if state.running:
            word = "running"
            if life.reason is not None:
                word, reason = "unhealthy", life.reason
            elif found.address not in self._routed(found.app.app_id) and self._at_work[found.app.app_id]:
                word = "starting"
        elif state.ended is None:
            word = "starting"
        else:
            memory = ", out of memory" if state.ended.out_of_memory else ""
            word, reason = "stopped", f"exit code {state.ended.exit_code}{memory}"
        again = life.diagnosis if not state.running or _is_young(state) else None
        return InstanceStatus(found.name, found.deployment, word, state.started_at, life.restarts, reason, again)

    async def _measured(self, found: Found) -> InstanceUsage | None:
        """None: it has ended meanwhile."""
        try:
            measured = await self._docker.call("stats", found.id, stream=False)
            return usage(found, measured, self._reconciler.life(found).restarts)
        except RefusedError as error:
            if not (error.missing or error.conflict):
                raise
            return None

    def _routed(self, app_id: str) -> frozenset[str]:
        return traffic.serving(self._edge.published(), app_id)

    @contextmanager
    def _working(self, app: AppRef) -> Iterator[None]:
        """`reconcile` leaves the app alone meanwhile, also when its caller's list of the busy is a moment old."""
        self._at_work[app.app_id] += 1
        try:
            yield
        finally:
            self._at_work[app.app_id] -= 1
            self._done_at[app.app_id] = time.monotonic()


def _is_young(state: State) -> bool:
    """Whether it may yet end as it did before."""
    return state.started_at is not None and (datetime.now(UTC) - state.started_at).total_seconds() < STEADY_SECONDS


@contextmanager
def _told() -> Iterator[None]:
    """What the engine refuses without a better word for it is told as the engine being at fault."""
    try:
        yield
    except RefusedError as error:
        raise EngineDownError(f"the Docker engine refused: {error.message[:300]}") from error
