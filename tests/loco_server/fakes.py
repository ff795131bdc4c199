"""An engine and a registry in memory, for the tests of what stands above the seams."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from loco_server.engines.attached import Attached, InstanceEndedError, NothingListensError, Piece, Start
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
        self.fail: Diagnosis | None = None
        self.down = 0
        self.capacity: Exception | None = None
        self.tried: list[Rollout] = []
        self.says: tuple[str, ...] = ()
        self.attached: list[tuple[str, Start | int]] = []
        """To which instance, or deployment, and what was started, or the port."""
        self.left = 0
        """So many are attached to nothing any more."""
        self.talker: Talker | None = None

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

    @asynccontextmanager
    async def exec(self, app: AppRef, instance: str, start: Start) -> AsyncIterator[Attached]:
        del app
        async with self._talk(instance, start) as talker:
            yield talker

    @asynccontextmanager
    async def run(self, rollout: Rollout, start: Start) -> AsyncIterator[Attached]:
        async with self._talk(f"v{rollout.deployment}", start) as talker:
            yield talker

    @asynccontextmanager
    async def connect(self, app: AppRef, instance: str, port: int) -> AsyncIterator[Attached]:
        del app
        if port != 8080:
            raise NothingListensError(f"{instance} takes no connection at port {port}: nothing listens there")
        async with self._talk(instance, port) as talker:
            yield talker

    @asynccontextmanager
    async def _talk(self, to: str, what: Start | int) -> "AsyncIterator[Talker]":
        self.attached.append((to, what))
        self.talker = Talker(what)
        try:
            yield self.talker
        finally:
            self.left += 1

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


class Talker:
    """`cat` says what it is told; `yes` says the same for ever; `exit N` ends so; `vanish` loses its instance."""

    def __init__(self, what: Start | int) -> None:
        self._words = ("cat",) if isinstance(what, int) else what.command
        self._connection = isinstance(what, int)
        self._said: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self.windows: list[tuple[int, int]] = []
        self.given = 0
        """Bytes, of `yes`."""

    async def read(self) -> Piece | None:
        match self._words[0]:
            case "yes":
                await asyncio.sleep(0)
                self.given += 32 << 10
                return "stdout", b"y" * (32 << 10)
            case "cat":
                data = await self._said.get()
                return ("stdout", data) if data else None
            case "vanish":
                raise InstanceEndedError("v1-1 has ended")
            case _:
                return None

    async def write(self, data: bytes) -> None:
        await self._said.put(data)

    async def end_input(self) -> None:
        await self._said.put(b"")

    async def resize(self, columns: int, rows: int) -> None:
        self.windows.append((columns, rows))

    async def exit_code(self) -> int | None:
        if self._connection:
            return None
        return int(self._words[1]) if self._words[0] == "exit" else 0


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
