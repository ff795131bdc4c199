"""One deployment, taken to a true end: what the worker does with what it has claimed.

Every step has its time, here as well as in the engine: whatever hangs, the deployment ends, says in which phase and
after how long, and lets the app's next one begin.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from loco_server.engines.base import (
    AppRef,
    CapacityError,
    Emit,
    Engine,
    EngineDownError,
    Guard,
    Rollout,
    RolloutFailedError,
    StaleAttemptError,
)
from loco_server.records.claims import CancelRequestedError, ClaimLostError, Claims
from loco_server.records.database import is_away
from loco_server.records.deployment_rows import UNDER_WAY
from loco_server.records.deployments import Deployments
from loco_server.records.values import DeploymentRecord
from loco_server.rollouts import failures, releases
from loco_server.rollouts.plan import NotWantedError, Planner
from loco_server.sealing import UnreadableError
from loco_server.telemetry.fields import bind
from loco_server.telemetry.metrics import Metrics
from loco_spec.errors import Cause, Diagnosis
from loco_spec.values import seconds

log = logging.getLogger("loco.rollouts")

ENGINE_DOWN_RETRY = 2.0
"""Also for records that do not answer."""
ENGINE_DOWN_LIMIT = 600.0
"""Seconds for which a rollout waits for an engine that does not answer."""
PREPARE_SECONDS = 180.0
"""For what the app's containers will live in to be made."""
SLACK_SECONDS = 180.0
"""What a phase may take beyond the time that the engine itself gives it: to undo, to keep last words."""
WITHDRAW_SECONDS = 60.0
"""For what a deployment has started to be taken away; after that it is for reconcile to do."""
ATTEMPTS = 50
"""What was taken up so often ended with its server each time, or never came to an end: it is not begun again."""


class LateError(Exception):
    """A phase did not come to its end in so many seconds (the first argument)."""


class Runner:
    def __init__(
        self, *, engine: Engine, deployments: Deployments, claims: Claims, planner: Planner, metrics: Metrics
    ) -> None:
        self._engine = engine
        self._deployments = deployments
        self._claims = claims
        self._planner = planner
        self._metrics = metrics

    async def finish(self, item: DeploymentRecord) -> None:
        """Take one deployment to its end, whatever happens on the way.

        While the engine is down, for so long; while the records are, until they answer: by then it may be another's.
        """
        bind(app_id=item.app_id, deployment=f"v{item.number}")
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
            item = await self._claims.still_ours(item)
            if item.attempt > ATTEMPTS:
                text = f"it was begun {ATTEMPTS} times, and came to no end"
                await self._failed(item, "phase-timeout", text, "loco deploy", withdraw=True)
                return
            with self._metrics.rollout():
                await self._roll(item)
        except (ClaimLostError, StaleAttemptError):
            return
        except NotWantedError as e:
            await self._end(item, "cancelled", str(e))
        except CancelRequestedError:
            await self._cancelled(item, down_since)
        except RolloutFailedError as e:
            await self._end(item, "failed", e.diagnosis.message, e.diagnosis)
        except LateError as e:
            text = f"this phase did not end within {e.args[0]:.0f} s; what it had started was taken away"
            await self._failed(item, "phase-timeout", text, "loco deploy, or ask the operator", withdraw=True)
        except CapacityError as e:
            await self._failed(item, "no-room", str(e), "ask the operator")
        except UnreadableError as e:
            hint = "set it again, or ask the operator for the key: loco variables set"
            await self._failed(item, "server-fault", str(e), hint)
        except EngineDownError as e:
            if _too_long(down_since):
                text = f"the container engine did not answer for {ENGINE_DOWN_LIMIT:.0f} s: {e}"
                await self._failed(item, "engine-down", text, "loco redeploy, once it is up")
                return
            await self._tell(item, f"{e}; trying again")
            raise
        except Exception as e:
            if is_away(e) and not (isinstance(e, OSError) and _too_long(down_since)):
                raise
            log.exception("v%s of app %s: a defect", item.number, item.app_id)
            text = "a defect of the server; its log has the trace"
            await self._failed(item, "server-fault", text, "loco deploy", withdraw=True)

    async def _roll(self, item: DeploymentRecord) -> None:
        rollout = await self._planner.rollout(item)
        bind(team=rollout.app.team, app=rollout.app.app)
        async with _within(PREPARE_SECONDS):
            await self._engine.prepare(rollout.app)
        started = time.monotonic()
        await self._release(item, rollout)
        if item.state != "rolling":
            many = f"{rollout.unit.replicas} instance{'s' if rollout.unit.replicas > 1 else ''}"
            await self._enter(item, "rolling", f"rolling out {many}")
        live = await self._deployments.live(item.app_id)
        drain = max(seconds(each.spec.deploy.drain) for each in (item, live or item))  # of requests, then of processes
        async with _within(rollout.timeout_seconds + 2 * drain + SLACK_SECONDS):
            told = await self._engine.roll(rollout, emit=self._emit(item), guard=self._guard(item))
        if told is not None:
            await self._claims.tell(item, told.message, kind="diagnosis", detail=told.model_dump(mode="json"))
        if await self._claims.promote(item, message=f"live after {time.monotonic() - started:.1f} s"):
            self._metrics.ended("live")
            await self._tidy(rollout.app)

    async def _tidy(self, app: AppRef) -> None:
        """Once it is live, so that nobody waits for it; before the app's next rollout, which brings an image."""
        try:
            async with _within(WITHDRAW_SECONDS):
                await self._engine.tidy(app)
        except Exception as e:  # noqa: BLE001  what is left goes after the app's next rollout
            log.warning(
                "images of %s/%s are left for the next rollout: %s", app.team, app.app, str(e) or type(e).__name__
            )

    async def _enter(self, item: DeploymentRecord, state: str, message: str) -> None:
        """Begin a phase.

        Raises:
            ClaimLostError: it was superseded or cancelled since the claim, or is another's.
        """
        if not await self._deployments.move(
            item.app_id,
            item.number,
            state,
            of=("accepted", "releasing"),
            message=message,
            owner=item.owner,
            attempt=item.attempt,
        ):
            raise ClaimLostError

    async def _release(self, item: DeploymentRecord, rollout: Rollout) -> None:
        command = item.spec.deploy.release_command
        if command is None or item.released or item.state == "rolling":
            return
        if not await releases.is_due(self._deployments, item):
            return
        if item.state == "accepted":
            await self._enter(item, "releasing", f"running the release command: {' '.join(command)}")
        limit = seconds(item.spec.deploy.release_timeout)
        async with _within(rollout.timeout_seconds + limit + SLACK_SECONDS):
            result = await self._engine.release(
                rollout, command, timeout_seconds=limit, emit=self._emit(item), guard=self._guard(item)
            )
        if result.exit_code != 0:
            _, passed = await self._phase(item)
            raise RolloutFailedError(failures.release_failed(command, result, passed))
        await self._claims.set_released(item)

    async def _cancelled(self, item: DeploymentRecord, down_since: float | None) -> None:
        """Take away what it has started, then end it: the app's next rollout must not begin beside a release command.

        Raises:
            EngineDownError: the engine does not answer; nothing is taken away yet.
        """
        try:
            await self._withdraw(item)
        except NotWantedError as e:
            await self._end(item, "cancelled", str(e))
            return
        except EngineDownError as e:
            if not _too_long(down_since):
                await self._tell(item, f"cancelling waits: {e}")
                raise
        except (StaleAttemptError, UnreadableError, LateError) as e:
            log.info("v%d of app %s waits for reconcile: %s", item.number, item.app_id, e)
        await self._end(item, "cancelled", "cancelled; the previous deployment serves on")

    async def _withdraw(self, item: DeploymentRecord) -> None:
        rollout = await self._planner.rollout(item)
        async with _within(WITHDRAW_SECONDS):
            await self._engine.withdraw(rollout)

    async def _failed(
        self, item: DeploymentRecord, cause: Cause, message: str, hint: str, *, withdraw: bool = False
    ) -> None:
        """End it with a diagnosis that says the phase and its seconds; `withdraw`: the engine has not tidied up."""
        phase, passed = await self._phase(item)
        if withdraw:
            try:
                await self._withdraw(item)
            except Exception as e:
                if is_away(e):
                    raise
                log.warning(
                    "v%d of app %s waits for reconcile: %s", item.number, item.app_id, str(e) or type(e).__name__
                )
        await self._end(item, "failed", message, failures.diagnosis(cause, message, hint, phase, passed))

    async def _phase(self, item: DeploymentRecord) -> tuple[str, float]:
        """Give in which phase it is by now, and for how many seconds."""
        item = await self._deployments.get(item.app_id, item.number) or item
        return failures.phase(item, datetime.now(UTC))

    def _emit(self, item: DeploymentRecord) -> Emit:
        async def emit(message: str) -> None:
            await self._claims.tell(item, message)

        return emit

    async def _tell(self, item: DeploymentRecord, note: str) -> None:
        try:
            await self._claims.tell(item, note, kind="note")
        except ClaimLostError:
            return  # the next look at it finds out

    def _guard(self, item: DeploymentRecord) -> Guard:
        async def guard() -> None:
            await self._claims.still_ours(item)

        return guard

    async def _end(self, item: DeploymentRecord, state: str, message: str, diagnosis: Diagnosis | None = None) -> None:
        if await self._deployments.move(
            item.app_id,
            item.number,
            state,
            of=UNDER_WAY,
            message=message,
            owner=item.owner,
            attempt=item.attempt,
            diagnosis=diagnosis,
        ):
            self._metrics.ended(state)


@asynccontextmanager
async def _within(limit: float) -> AsyncIterator[None]:
    """Raises LateError where the block has not ended after so many seconds; a TimeoutError of its own is its own."""
    try:
        async with asyncio.timeout(limit) as time_left:
            yield
    except TimeoutError as e:
        if time_left.expired():
            raise LateError(limit) from e
        raise


def _too_long(down_since: float | None) -> bool:
    return down_since is not None and time.monotonic() - down_since > ENGINE_DOWN_LIMIT
