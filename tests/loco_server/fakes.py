"""An engine and a registry in memory, for the tests of what stands above the seams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

from loco_server.engines.base import (
    AppRef,
    Emit,
    EngineDownError,
    Guard,
    InstanceStatus,
    InstanceUsage,
    LogQuery,
    ReleaseResult,
    Rollout,
    RolloutFailedError,
    Suspension,
)
from loco_server.registries.base import Action, ImageFacts, ImageMissingError, RegistryDownError
from loco_spec.errors import Diagnosis
from loco_spec.events import LogBatch, LogLine

DIAGNOSIS = Diagnosis(phase="starting", seconds=1.0, cause="exited", message="it exited with 3", hint="loco logs")


class FakeEngine:
    """What was asked for becomes true at once; `hold` stops a rollout half way, `fail` and `down` make it end badly."""

    def __init__(self) -> None:
        self.running: dict[str, Rollout] = {}
        self.released: list[tuple[str, ...]] = []
        self.rolled: list[int] = []
        self.suspended: list[Suspension] = []
        self.stopped = asyncio.Event()
        """Set once an app was suspended."""
        self.kept_suspended: tuple[Suspension, ...] = ()
        self.withdrawn: list[int] = []
        self.reconciled: list[tuple[tuple[int, ...], frozenset[str]]] = []
        self.release_result = ReleaseResult(exit_code=0, lines=())
        self.hold: asyncio.Event | None = None
        self.tidied: list[str] = []
        self.untidy: Exception | None = None
        self.fail: Diagnosis | None = None
        self.down = 0
        self.capacity: Exception | None = None
        self.tried: list[Rollout] = []
        self.says: tuple[str, ...] = ()

    def host(self, app: AppRef) -> str:
        return app.app

    async def check(self) -> None: ...

    async def prepare(self, app: AppRef) -> None:
        del app
        if self.capacity is not None:
            raise self.capacity

    async def dry_run(self, rollout: Rollout) -> tuple[str, ...]:
        self.tried.append(rollout)
        if self.down:
            raise EngineDownError("the engine is down")
        if self.capacity is not None:
            raise self.capacity
        return self.says

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        del rollout, timeout_seconds, emit
        await guard()
        self.released.append(command)
        return self.release_result

    async def roll(self, rollout: Rollout, *, emit: Emit, guard: Guard) -> None:
        if self.down > 0:
            self.down -= 1
            raise EngineDownError("the engine is down")
        await guard()
        await emit(f"v{rollout.deployment}-1 is healthy")
        if self.hold is not None:
            await self.hold.wait()
        await guard()
        if self.fail is not None:
            raise RolloutFailedError(self.fail)
        self.running[rollout.app.app_id] = rollout
        self.rolled.append(rollout.deployment)

    async def tidy(self, app: AppRef) -> None:
        self.tidied.append(app.app)
        if self.untidy is not None:
            raise self.untidy

    async def withdraw(self, rollout: Rollout) -> None:
        self.withdrawn.append(rollout.deployment)

    async def suspend(self, suspension: Suspension) -> None:
        if self.down > 0:
            self.down -= 1
            raise EngineDownError("the engine is down")
        self.running.pop(suspension.app.app_id, None)
        self.suspended.append(suspension)
        self.stopped.set()

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        self.kept_suspended = tuple(suspended)
        self.reconciled.append((tuple(rollout.deployment for rollout in wanted), busy))

    async def status(self, app: AppRef) -> Sequence[InstanceStatus]:
        if self.down:
            raise EngineDownError("the engine is down")
        found = self.running.get(app.app_id)
        if found is None:
            return []
        started = datetime(2026, 1, 31, tzinfo=UTC)
        return [InstanceStatus(f"v{found.deployment}-1", found.deployment, "running", started, 0)]

    async def usage(self) -> Sequence[InstanceUsage]:
        if self.down:
            raise EngineDownError("the engine is down")
        return [InstanceUsage(found.app, f"v{found.deployment}-1", 250, 1 << 20) for found in self.running.values()]

    async def logs(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        found = self.running.get(query.app.app_id)
        if self.down:
            raise EngineDownError("the engine is down")
        for second in range(query.tail if query.tail is not None else 3):
            at = f"2026-01-31T12:00:{second:02}.000000000Z"
            line = LogLine(instance="v1-1", deployment=found.deployment if found else 0, at=at, text=f"line {second}")
            yield LogBatch(position=f"p{second}", lines=(line,))

    async def in_use(self, app: AppRef) -> frozenset[str]:
        found = self.running.get(app.app_id)
        return frozenset() if found is None else frozenset({found.unit.image.partition("@")[2]})

    async def destroy(self, app: AppRef) -> None:
        if self.down > 0:
            self.down -= 1
            raise EngineDownError("the engine is down")
        self.running.pop(app.app_id, None)

    async def stop(self) -> None: ...

    async def remove_all(self) -> None: ...

    async def close(self) -> None: ...


class FakeRegistry:
    def __init__(self) -> None:
        self.images: dict[tuple[str, str], ImageFacts] = {}
        self.users: dict[str, int] = {}
        self.groups: dict[str, int] = {}
        self.down = False
        self.on_read: Callable[[], None] = lambda: None

    def push(
        self, repository: str, digest: str, *, user: str = "10001", size: int = 1000, diff_ids: tuple[str, ...] = ()
    ) -> None:
        self.images[repository, digest] = ImageFacts(
            digest=digest,
            compressed_size=size,
            platform="linux/amd64",
            user=user,
            config_digest="sha256:" + "c" * 64,
            layers=(),
            diff_ids=diff_ids,
        )

    async def upstream_authorization(self, repository: str, actions: tuple[Action, ...]) -> str:
        return f"Bearer {repository} {actions}"

    async def image(self, repository: str, digest: str) -> ImageFacts:
        self.on_read()
        if self.down:
            raise RegistryDownError("the registry does not answer")
        if (repository, digest) not in self.images:
            raise ImageMissingError(digest)
        return self.images[repository, digest]

    async def user_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        del repository, facts
        return self.users.get(name)

    async def group_id(self, repository: str, facts: ImageFacts, name: str) -> int | None:
        del repository, facts
        return self.groups.get(name)

    async def delete(self, repository: str, digest: str) -> None:
        self.images.pop((repository, digest), None)

    async def manifests(self, repository: str) -> frozenset[str]:
        if self.down:
            raise RegistryDownError("the registry does not answer")
        return frozenset(digest for kept, digest in self.images if kept == repository)
