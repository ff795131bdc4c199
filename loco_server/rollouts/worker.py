"""The rollout worker: claims accepted deployments, one an app at a time, and takes each to a true end state.

It may be killed at any point. Whoever comes next takes the claim over with a higher attempt and begins again: the
engine's steps are idempotent, and every write names the owner and the attempt.
"""

import asyncio
import logging
import time
from contextlib import nullcontext

from loco_server.engines.base import (
    CapacityError,
    Emit,
    Engine,
    EngineDownError,
    Guard,
    Rollout,
    RolloutFailedError,
    StaleAttemptError,
)
from loco_server.records.claims import (
    RENEW_EVERY,
    CancelRequestedError,
    ClaimLostError,
    Claims,
    HeldElsewhereError,
    HoldLostError,
)
from loco_server.records.database import is_away, why_away
from loco_server.records.deployments import ROLLING, Deployments
from loco_server.records.events import Events
from loco_server.records.values import DeploymentRecord
from loco_server.rollouts import failures
from loco_server.rollouts.plan import NotWantedError, Planner
from loco_server.sealing import UnreadableError
from loco_spec import names
from loco_spec.errors import Diagnosis
from loco_spec.values import seconds

log = logging.getLogger("loco.rollouts")

ENGINE_DOWN_RETRY = 2.0
"""Also for records that do not answer."""
ENGINE_DOWN_LIMIT = 600.0
"""Seconds for which a rollout waits for an engine that does not answer."""
RECONCILE_EVERY = 5.0
RECONCILE_SECONDS = 60.0
"""The most for which one server holds up the beginning of rollouts at all of them."""


class Worker:
    def __init__(
        self,
        *,
        engine: Engine,
        deployments: Deployments,
        claims: Claims,
        events: Events,
        planner: Planner,
        shared: bool = False,
    ) -> None:
        """`shared`: workers of other servers begin rollouts of these records, too."""
        self._shared = shared
        self.owner = names.new_id()
        self._engine = engine
        self._deployments = deployments
        self._claims = claims
        self._events = events
        self._planner = planner
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, DeploymentRecord] = {}
        self._engine_was_down, self._away = False, ""
        self._reconcile_lock = asyncio.Lock()
        self.settled = asyncio.Event()
        """Set once the engine and the edge have been as the records say."""

    async def resume(self) -> None:
        """At the start of the only server of its records: take over what was rolling. Asks the records alone."""
        for item in await self._claims.take_over(self.owner):
            self._begin(item)

    async def run(self) -> None:
        """Work until cancelled."""
        beside = [asyncio.create_task(work) for work in (self._keep_true(), self._renew())]
        try:
            while True:
                try:
                    for item in await self._claims.claim(self.owner):
                        self._begin(item)
                    self._away = ""
                except Exception as e:  # noqa: BLE001  it goes on
                    self._stumbled("the worker", e)
                await self._deployments.wake.wait(at_most=1.0)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _renew(self) -> None:
        """Keep the claims on what is in hand; what has slipped out of it is taken up again, by whoever looks first."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            if not self._tasks:
                continue
            try:
                await self._claims.renew(self.owner, set(self._tasks))
            except Exception as e:  # noqa: BLE001  the next time is soon
                self._stumbled("renewing claims", e)

    async def _keep_true(self) -> None:
        """Reconcile at once and then every few seconds. Beside the claims: one that pulls an image takes its time."""
        while True:
            try:
                await self.reconcile(waits=False)
            except HeldElsewhereError:
                pass  # another server does the same just now
            except Exception as e:  # noqa: BLE001  it goes on
                self._stumbled("reconcile", e)
            await asyncio.sleep(RECONCILE_EVERY)

    def _stumbled(self, what: str, error: Exception) -> None:
        """Log it; of records that stay away once, and without a trace: a full disk has no room for that."""
        why = why_away(error)
        if why is None:
            log.error("%s stumbled; it goes on", what, exc_info=error)
        elif why != self._away:
            log.warning("%s waits: the records %s", what, why)
        self._away = why or ""

    async def close(self) -> None:
        """Let go of the rollouts in hand; the next server, or another one, takes them over."""
        self._waiting.clear()  # else the end of those in hand would begin them
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._claims.let_go(self.owner)
        except Exception:
            log.exception("claims could not be let go of; they end by themselves")

    async def reconcile(self, *, waits: bool = True) -> None:
        """Let the engine repair what differs from the records. One of several servers at a time; the others wait.

        Raises:
            HeldElsewhereError: another server is at it, for longer than anybody waits or, without `waits`, at all.
        """
        try:
            async with self._reconcile_lock, self._claims.none_begin(waits=waits) if self._shared else nullcontext():
                await self._reconcile()
        except HoldLostError as e:
            log.warning("reconcile was cut short, for rollouts may have begun beside it: %s", e)

    async def _reconcile(self) -> None:
        busy = {item.app_id for item in await self._deployments.in_state(*ROLLING, "accepted")}
        coming = {item.app_id for item in await self._deployments.in_state("created", "checking")}
        truth = await self._planner.truth()
        # Prepared, and nothing of it runs yet.
        coming -= {each.app.app_id for each in truth.rollouts} | {each.app.app_id for each in truth.suspended}
        try:
            left = frozenset(busy | coming | truth.untouched | set(self._tasks))
            async with asyncio.timeout(RECONCILE_SECONDS if self._shared else None):
                await self._engine.reconcile(truth.rollouts, left, truth.suspended)
        except (EngineDownError, TimeoutError) as e:
            if not self._engine_was_down:
                log.warning("the container engine does not answer: %s", str(e) or type(e).__name__)
            self._engine_was_down = True
        except CapacityError as e:
            log.warning("reconcile: %s", e)
        else:
            if self._engine_was_down:
                log.warning("the container engine answers again")
            self._engine_was_down = False
            self.settled.set()

    def _begin(self, item: DeploymentRecord) -> None:
        if item.app_id in self._tasks:
            self._waiting[item.app_id] = item  # begun when the one in hand has ended
            return
        task = asyncio.create_task(self._finish(item), name=f"rollout-{item.app_id}-v{item.number}")
        self._tasks[item.app_id] = task
        task.add_done_callback(lambda _: self._done(item.app_id))

    def _done(self, app_id: str) -> None:
        self._tasks.pop(app_id, None)
        waiting = self._waiting.pop(app_id, None)
        if waiting is not None:
            self._begin(waiting)
        self._deployments.wake.all()

    async def _finish(self, item: DeploymentRecord) -> None:
        """Take one deployment to its end, whatever happens on the way.

        While the engine is down, for so long; while the records are, until they answer: by then it may be another's.
        """
        down_since: float | None = None
        were_away = False
        while True:
            try:
                await self._attempt(item, down_since)
            except EngineDownError:
                down_since = down_since or time.monotonic()
            except Exception as e:
                if isinstance(e, OSError):  # perhaps not the records' fault
                    down_since = down_since or time.monotonic()
                if not is_away(e):
                    log.exception("v%s of app %s cannot be ended", item.number, item.app_id)
                    return
                if not were_away:
                    log.warning("v%s of app %s waits for the records: %s", item.number, item.app_id, type(e).__name__)
                were_away = True
            else:
                return
            await asyncio.sleep(ENGINE_DOWN_RETRY)

    async def _attempt(self, item: DeploymentRecord, down_since: float | None) -> None:
        """Take it to its end, once.

        Raises:
            EngineDownError: the engine does not answer, and has not for less than `ENGINE_DOWN_LIMIT`.
            Exception: the records do not answer (`is_away`); how far it came is for the next attempt to see.
        """
        try:
            await self._claims.still_ours(item)
            item = await self._deployments.get(item.app_id, item.number) or item
            await self._roll(item)
        except (ClaimLostError, StaleAttemptError):
            return
        except NotWantedError as e:
            await self._end(item, "cancelled", str(e))
        except CancelRequestedError:
            await self._cancelled(item)
        except RolloutFailedError as e:
            await self._end(item, "failed", e.diagnosis.message, e.diagnosis)
        except CapacityError as e:
            await self._end(item, "failed", str(e), failures.diagnosis("no-room", str(e), "ask the operator"))
        except UnreadableError as e:
            hint = "set it again, or ask the operator for the key: loco variables set"
            await self._end(item, "failed", str(e), failures.diagnosis("server-fault", str(e), hint))
        except EngineDownError as e:
            if _too_long(down_since):
                text = f"the container engine did not answer for {ENGINE_DOWN_LIMIT:.0f} s: {e}"
                await self._end(
                    item, "failed", text, failures.diagnosis("engine-down", text, "loco redeploy, once it is up")
                )
                return
            await self._events.add(item.app_id, item.number, f"{e}; trying again", kind="note")
            raise
        except Exception as e:
            if is_away(e) and not (isinstance(e, OSError) and _too_long(down_since)):
                raise
            log.exception("v%s of app %s: a defect", item.number, item.app_id)
            text = "a defect of the server; its log has the trace"
            await self._end(item, "failed", text, failures.diagnosis("server-fault", text, "loco deploy"))

    async def _roll(self, item: DeploymentRecord) -> None:
        rollout = await self._planner.rollout(item)
        await self._engine.prepare(rollout.app)
        started = time.monotonic()
        await self._release(item, rollout)
        if item.state != "rolling" and not await self._deployments.move(
            item.app_id,
            item.number,
            "rolling",
            of=("accepted", "releasing"),
            message=f"rolling out {rollout.unit.replicas} instance{'s' if rollout.unit.replicas > 1 else ''}",
            owner=item.owner,
            attempt=item.attempt,
        ):
            raise ClaimLostError  # superseded between the claim and here
        await self._engine.roll(rollout, emit=self._emit(item), guard=self._guard(item))
        await self._claims.promote(item, message=f"live after {time.monotonic() - started:.1f} s")

    async def _cancelled(self, item: DeploymentRecord) -> None:
        """End it, and take away what it has started.

        Before the app's next rollout begins, which would run beside a release command. Else reconcile does it.
        """
        try:
            rollout = await self._planner.rollout(item)
        except (NotWantedError, UnreadableError) as e:
            await self._end(item, "cancelled", str(e))
            return
        await self._end(item, "cancelled", "cancelled; the previous deployment serves on")
        try:
            await self._engine.withdraw(rollout)
        except (EngineDownError, StaleAttemptError) as e:
            log.info("v%d of app %s waits for reconcile: %s", item.number, item.app_id, e)

    async def _release(self, item: DeploymentRecord, rollout: Rollout) -> None:
        command = item.spec.deploy.release_command
        if command is None or item.released or item.state == "rolling" or not await self._release_is_due(item):
            return
        await self._deployments.move(
            item.app_id,
            item.number,
            "releasing",
            of=("accepted",),
            message=f"running the release command: {' '.join(command)}",
            owner=item.owner,
            attempt=item.attempt,
        )
        result = await self._engine.release(
            rollout,
            command,
            timeout_seconds=seconds(item.spec.deploy.release_timeout),
            emit=self._emit(item),
            guard=self._guard(item),
        )
        if result.exit_code != 0:
            raise RolloutFailedError(failures.release_failed(command, result))
        await self._claims.set_released(item)

    async def _release_is_due(self, item: DeploymentRecord) -> bool:
        live = await self._deployments.live(item.app_id)
        return (
            item.release
            or live is None
            or live.digest != item.digest
            or live.spec.deploy.release_command != item.spec.deploy.release_command
        )

    def _emit(self, item: DeploymentRecord) -> Emit:
        async def emit(message: str) -> None:
            await self._events.add(item.app_id, item.number, message)

        return emit

    def _guard(self, item: DeploymentRecord) -> Guard:
        async def guard() -> None:
            await self._claims.still_ours(item)

        return guard

    async def _end(self, item: DeploymentRecord, state: str, message: str, diagnosis: Diagnosis | None = None) -> None:
        await self._deployments.move(
            item.app_id,
            item.number,
            state,
            of=("accepted", *ROLLING),
            message=message,
            owner=item.owner,
            attempt=item.attempt,
            diagnosis=diagnosis,
        )


def _too_long(down_since: float | None) -> bool:
    return down_since is not None and time.monotonic() - down_since > ENGINE_DOWN_LIMIT
