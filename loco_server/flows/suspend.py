"""The operator's brake: an app, a team or a person is stopped within seconds, and let go again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from loco_server.engines.base import Engine, EngineDownError, Suspension
from loco_server.flows.deploy import app_ref
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key, pull_key
from loco_server.records.apps import Apps
from loco_server.records.deployment_rows import ROLLING, UNDER_WAY
from loco_server.records.deployments import Deployments
from loco_server.records.suspensions import Kind, Subject, Suspensions
from loco_server.records.values import AppRecord
from loco_spec.errors import Conflict, NotFound, StillGoing, UsageError

log = logging.getLogger("loco.suspend")

REASON_MAX = 500
ROLLOUT_SECONDS = 3.0
"""A rollout notices within a second that it is to stop; so long it is waited for, to see that it left nothing."""


@dataclass(frozen=True)
class Resumed:
    apps: tuple[str, ...]
    """What may run again."""
    still: str | None
    """Why something of it may not all the same: it is suspended with another, too."""


@dataclass(frozen=True)
class Suspended:
    reason: str
    apps: tuple[str, ...]
    """`acme/shop`: what runs no more."""
    pushes: int
    """So many deployments waited for their image, and wait no longer."""


class Suspend:
    def __init__(
        self,
        *,
        apps: Apps,
        deployments: Deployments,
        suspensions: Suspensions,
        engine: Engine,
        closed: ClosedDeployments,
        notice: str,
        cut_pushes: Callable[[], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """`cut_pushes` ends what is being sent to the registry; `settle` makes the engine as the records say."""
        self._apps = apps
        self._deployments = deployments
        self._suspensions = suspensions
        self._engine = engine
        self._closed = closed
        self._notice = notice
        self._cut_pushes = cut_pushes
        self._settle = settle
        self._settling: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Let go of what is under way; the next start makes everything as the records say."""
        for task in self._settling:
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def subject(self, kind: Kind, name: str) -> Subject:
        """Find whom the operator means.

        Raises:
            NotFound: there is none such.
        """
        found = await self._suspensions.find(kind, name)
        if found is None:
            hint = "loco-server admin users" if kind == "user" else "loco-server admin overview"
            if kind == "app" and "/" not in name:
                hint = "an app's name is TEAM/APP"
            raise NotFound(f"there is no {kind} {name[:80]}", hint=hint)
        return found

    async def suspend(self, subject: Subject, why: str) -> Suspended:
        """Stop what it is about, now: containers killed, routes answering a notice, tokens and pushes refused.

        The records say so first: whatever is cut short here, by a crash too, is finished by the next reconcile.

        Raises:
            UsageError: no reason, or one that is too long.
            StillGoing: the engine does not answer; it is suspended, and its containers stop once it does.
        """
        why = " ".join(why.split())
        if not why or len(why) > REASON_MAX:
            raise UsageError(f"a reason has 1 to {REASON_MAX} characters", hint="--reason 'mines coins'")
        await self._suspensions.set(subject, why)
        apps = await self._affected(subject)
        awaited = await self._suspensions.awaited(subject)
        for app in apps:
            self._closed.close(pull_key(app.id, app.pull_generation - 1))
        for app_id, number in awaited:
            self._closed.close(deployment_key(app_id, number))
        work = [self._stop(app) for app in apps]
        if awaited:
            work.append(self._cut())
        stopped = await asyncio.gather(*work, return_exceptions=True)
        said = {app.id: app.suspended for app in apps}
        for app_id, number in awaited:  # in another's team the reason is not for all to read
            message = said.get(app_id) or f"{subject.kind} {subject.name} is suspended"
            await self._deployments.move(app_id, number, "cancelled", of=("created",), message=message)
        self._settle_soon()
        _raise_first(stopped)
        return Suspended(why, await self._named(apps), len(awaited))

    async def resume(self, subject: Subject) -> Resumed:
        """Let it go on. What was live is started within seconds.

        Raises:
            Conflict: it is not suspended.
        """
        if subject.suspended is None:
            raise Conflict(f"{subject.kind} {subject.name} is not suspended", hint="loco-server admin overview")
        await self._suspensions.set(subject, None)
        self._settle_soon()
        apps = await self._affected(subject)
        return Resumed(
            await self._named([app for app in apps if app.suspended is None]),
            next((app.suspended for app in apps if app.suspended is not None), None),
        )

    async def _named(self, apps: Sequence[AppRecord]) -> tuple[str, ...]:
        """Name those of which something is live."""
        live = [await self._deployments.live(app.id) is not None for app in apps]
        return tuple(f"{app.team}/{app.name}" for app, runs in zip(apps, live, strict=True) if runs)

    async def _affected(self, subject: Subject) -> Sequence[AppRecord]:
        found = [await self._apps.by_id(app_id) for app_id in await self._suspensions.apps(subject)]
        return [app for app in found if app is not None and not app.destroying]

    async def _stop(self, app: AppRecord) -> None:
        """Stop one app, at once; and again once its rollout has seen that it is over."""
        rolling = False
        for item in await self._deployments.of_app_in(app.id, ("checking", *UNDER_WAY)):
            if item.state in {"checking", "accepted"}:
                await self._deployments.move(
                    app.id, item.number, "cancelled", of=(item.state,), message=app.suspended or "suspended"
                )
            else:
                await self._deployments.request_cancel(app.id, item.number)
                rolling = True
        await self._kill(app)
        if not rolling:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + ROLLOUT_SECONDS
        while loop.time() < until and await self._deployments.of_app_in(app.id, ROLLING):
            await self._deployments.wake.wait(at_most=0.2)
        await self._kill(app)

    async def _cut(self) -> None:
        try:
            await self._cut_pushes()
        except Exception as e:
            log.exception("uploads could not be cut")
            raise StillGoing(
                "it is suspended, but an upload may go on, to no end, until the registry is back",
                hint="loco-server local status; the server's log tells why",
            ) from e

    async def _kill(self, app: AppRecord) -> None:
        live = await self._deployments.live(app.id)
        routes = () if live is None else live.routes
        await self._engine.suspend(Suspension(app=app_ref(app), routes=routes, notice=self._notice))

    def _settle_soon(self) -> None:
        """A reconcile that was under way may have begun to start what was killed: one more comes after it."""
        task = asyncio.create_task(self._settled())
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settled(self) -> None:
        try:
            await self._settle()
        except Exception:
            log.exception("reconcile stumbled; it comes again by itself")


def _raise_first(outcomes: Sequence[BaseException | None]) -> None:
    for fault in outcomes:
        if isinstance(fault, EngineDownError):
            raise StillGoing(
                f"it is suspended, and what runs of it stops once the engine answers: {fault}",
                hint="loco-server admin overview",
            ) from fault
        if fault is not None:
            raise fault
