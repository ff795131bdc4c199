"""What every engine promises. Engine steps are idempotent: a resumed worker calls them again from the start."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from loco_server.engines.attached import Attached, Start
from loco_server.units import Unit, UnitRoute
from loco_spec.errors import Diagnosis
from loco_spec.events import LogBatch, LogLine


@dataclass(frozen=True)
class AppRef:
    """Whose containers. The ids are random, unique, and never reused; the names are for people."""

    team: str
    team_id: str
    app: str
    app_id: str


@dataclass(frozen=True)
class PullCredential:
    """Buys pull tokens for the app's own repository at the registry gateway."""

    registry: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Rollout:
    """One deployment that is to become true."""

    app: AppRef
    deployment: int
    attempt: int
    """Stamped on what is made; an engine never lowers it."""
    unit: Unit
    pull: PullCredential
    timeout_seconds: float


@dataclass(frozen=True)
class Suspension:
    """An app of which nothing may run, and whose routes say so."""

    app: AppRef
    routes: tuple[UnitRoute, ...]
    notice: str
    """What the routes answer, with 503."""


@dataclass(frozen=True)
class ReleaseResult:
    exit_code: int | None
    """None: gone without a recorded result; the outcome is unknown."""
    lines: tuple[str, ...]


@dataclass(frozen=True)
class InstanceStatus:
    name: str
    """`v12-1`."""
    deployment: int
    state: str
    """starting, running, unhealthy or stopped."""
    started_at: datetime | None
    restarts: int
    reason: str | None = None
    diagnosis: Diagnosis | None = None
    """Of one that ends again and again."""


@dataclass(frozen=True)
class InstanceUsage:
    """What a running instance takes."""

    app: AppRef
    name: str
    """`v12-1`."""
    cpu_millis: int
    """Thousandths of a processor, over about the last second."""
    memory_bytes: int
    """Without what the kernel only keeps in case it is read again."""
    restarts: int | None = None
    """How often it was started again, as far as who measures it knows; None: somebody else counts them."""


@dataclass(frozen=True)
class LogQuery:
    app: AppRef
    follow: bool = False
    tail: int | None = None
    """At most so many of the newest lines before following; None: all that `since` lets through."""
    since: datetime | None = None
    position: str | None = None
    """Resume after this position, as an earlier batch carried it."""
    instance: str | None = None
    """`v12-1`: only this one's lines, be it live, ended or kept; None: all."""
    previous: bool = False
    """Only what is over: what instances said before their last restart, and by those that have ended. Not followed."""
    deployment: int | None = None
    """Only the lines of this one's instances."""
    until: datetime | None = None
    """Only lines from before this time. Not with `follow`.

    `tail`, `since` and `position` are of the lines that these four leave.
    """

    def wants(self, name: str) -> bool:
        """Whether it is about the instance of that name."""
        of_deployment = self.deployment is None or name.startswith(f"v{self.deployment}-")
        return of_deployment and self.instance in {None, name}


class NothingKeptError(Exception):
    """The deployment that is asked for has no instance, neither live nor kept."""


class RolloutFailedError(Exception):
    """The deployment did not become healthy. What served before serves still; what the attempt made is gone."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.message)
        self.diagnosis = diagnosis


class EngineDownError(Exception):
    """The engine did not answer. The worker tries again; nothing is concluded about the deployment."""


class StaleAttemptError(Exception):
    """A later attempt of this rollout has been here: the caller owns it no more. Nothing was changed."""


class CapacityError(Exception):
    """The engine cannot take another app of this team (no subnet, no fence); the message says why and what to do."""


Emit = Callable[[str], Awaitable[None]]
"""Tell the person one line of progress: `v12-1 is healthy (1.2 s)`."""

Guard = Callable[[], Awaitable[None]]


async def unguarded() -> None:
    """For what needs no owner: a live deployment, of which the records alone say that it is wanted."""


"""Called before each step that changes something, and each second of a long wait for a command, a pull or health.

It raises when the rollout is to stop: this worker no longer owns it, or somebody cancelled it.
"""


class LogKeeper(Protocol):
    """Keeps the last words of instances that end (1 MB each, the last ten deployments of an app)."""

    async def keep(self, app_id: str, deployment: int, instance: str, lines: Sequence[LogLine]) -> None:
        """Keep an instance's last lines. A second time replaces the first."""
        ...

    async def kept(self, app_id: str, instance: str | None = None) -> Sequence[LogLine]:
        """All kept lines of the app, or of one instance, in order of time."""
        ...


class Engine(Protocol):
    def host(self, app: AppRef) -> str:
        """Under which name the team's other apps reach this one."""
        ...

    async def check(self) -> None:
        """Whether the engine answers and can do what is needed.

        Raises:
            EngineDownError: with what to do about it.
        """
        ...

    async def prepare(self, app: AppRef) -> None:
        """Make what the app's containers will live in (network, fences, namespace).

        Raises:
            CapacityError: no room, or the fence between teams cannot be set.
        """
        ...

    async def dry_run(self, rollout: Rollout) -> tuple[str, ...]:
        """What it says to a rollout that is only thought of; nothing is made, and nothing of it is left.

        The rollout has no values of variables. The answers are for people: what would be refused, taken back from
        others, warned of, or cannot be tried before it is done.

        Raises:
            CapacityError: as `prepare` would.
        """
        ...

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        """Run the release command in a container named after the deployment, attach to one that runs already.

        Raises:
            RolloutFailedError: the image cannot be pulled, or the command outlived its time.
        """
        ...

    async def roll(self, rollout: Rollout, *, emit: Emit, guard: Guard) -> Diagnosis | None:
        """Start the new instances, see them healthy from outside, switch the traffic, drain and stop the old.

        Returns when only this deployment serves. No request is lost on the way. Gives what the person should know
        although all went well: an old instance that did not end by itself.

        Raises:
            RolloutFailedError: with the diagnosis; the previous deployment serves on.
        """
        ...

    async def tidy(self, app: AppRef) -> None:
        """Drop copies of the app's images that none of its containers needs. While nothing else is done to the app."""
        ...

    async def withdraw(self, rollout: Rollout) -> None:
        """Take away what a cancelled rollout has started, its release command too. Instances that serve stay.

        Raises:
            StaleAttemptError: a later attempt has been here.
        """
        ...

    async def suspend(self, suspension: Suspension) -> None:
        """Let nothing of the app run and its routes answer the notice; at once, without drain. Safe to call again.

        What ran is kept, stopped: it is evidence, and what `reconcile` starts again when the app is wanted.
        """
        ...

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        """Make the world as the records say: live rollouts run and are routed, anything else of loco's goes.

        What is suspended is kept so, as `suspend` does. Apps in `busy` (ids; a worker is rolling them) are left as they
        are. Called at start and every few seconds.
        """
        ...

    async def status(self, app: AppRef) -> Sequence[InstanceStatus]: ...

    async def usage(self) -> Sequence[InstanceUsage]:
        """What every running instance of the installation takes; measuring it takes a second or two."""
        ...

    def logs(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        """All instances' lines merged by time, following instances as they come and go.

        Raises:
            NotFound: the app has no instance of the name that is asked for; the hint names those that it has.
            NothingKeptError: the deployment that is asked for has no instance.
        """
        ...

    def exec(self, app: AppRef, instance: str, start: Start) -> AbstractAsyncContextManager[Attached]:
        """A process beside the instance's own, as its user; ended when the context is left.

        Raises:
            InstanceEndedError: it does not run.
        """
        ...

    def run(self, rollout: Rollout, start: Start) -> AbstractAsyncContextManager[Attached]:
        """A container of its own, as the release command's: no instance, without traffic, its output kept nowhere.

        It is gone when the context is left; where the server dies first, by `reconcile`.

        Raises:
            CapacityError, EngineDownError: it cannot be made; also where the image cannot be had.
        """
        ...

    def connect(self, app: AppRef, instance: str, port: int) -> AbstractAsyncContextManager[Attached]:
        """A connection to a port of the instance.

        Raises:
            InstanceEndedError: it does not run.
            NothingListensError: nothing takes it there.
        """
        ...

    async def in_use(self, app: AppRef) -> frozenset[str]:
        """Digests (`sha256:…`) of images that some container of the app still needs."""
        ...

    async def destroy(self, app: AppRef) -> None:
        """Remove all that the engine has of the app. Unknown apps are no error. Returns when it is gone."""
        ...

    async def stop(self) -> None:
        """Stop every container of this installation, keep them for the next start. For `loco-server local stop`."""
        ...

    async def remove_all(self) -> None:
        """Remove every container, network and rule of this installation. For `loco-server local reset`."""
        ...

    async def close(self) -> None:
        """Let go of connections; containers run on."""
        ...
