"""The rollout worker: claims accepted deployments, one an app at a time, and has each taken to a true end state.

It may be killed at any point. Whoever comes next takes the claim over with a higher attempt and begins again: the
engine's steps are idempotent, and every write names the owner and the attempt.
"""

import asyncio
import logging
from contextlib import nullcontext

from loco_server.engines.base import CapacityError, Engine, EngineDownError
from loco_server.records.claims import RENEW_EVERY, Claims, HeldElsewhereError, HoldLostError
from loco_server.records.deployment_rows import UNDER_WAY
from loco_server.records.deployments import Deployments
from loco_server.records.stumbles import Stumbles
from loco_server.records.values import DeploymentRecord
from loco_server.rollouts.plan import Planner
from loco_server.rollouts.runner import Runner
from loco_server.telemetry.metrics import Metrics
from loco_spec import names

log = logging.getLogger("loco.rollouts")

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
        planner: Planner,
        shared: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        """`shared`: workers of other servers begin rollouts of these records, too."""
        self._shared = shared
        self.owner = names.new_id()
        self._engine = engine
        self._deployments = deployments
        self._claims = claims
        self._runner = Runner(
            engine=engine, deployments=deployments, claims=claims, planner=planner, metrics=metrics or Metrics()
        )
        self._planner = planner
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, DeploymentRecord] = {}
        self._engine_was_down, self._stumbles = False, Stumbles(log)
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
                change = self._deployments.wake.next
                try:
                    for item in await self._claims.claim(self.owner):
                        self._begin(item)
                    self._stumbles.done()
                except Exception as e:  # noqa: BLE001  it goes on
                    self._stumbles.over("the worker", e)
                await self._deployments.wake.wait(at_most=1.0, change=change)
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
                self._stumbles.over("renewing claims", e)

    async def _keep_true(self) -> None:
        """Reconcile at once and then every few seconds. Beside the claims: one that pulls an image takes its time."""
        while True:
            try:
                await self.reconcile(waits=False)
            except HeldElsewhereError:
                pass  # another server does the same just now
            except Exception as e:  # noqa: BLE001  it goes on
                self._stumbles.over("reconcile", e)
            await asyncio.sleep(RECONCILE_EVERY)

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
        busy = {item.app_id for item in await self._deployments.in_state(*UNDER_WAY)}
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
        task = asyncio.create_task(self._runner.finish(item), name=f"rollout-{item.app_id}-v{item.number}")
        self._tasks[item.app_id] = task
        task.add_done_callback(lambda _: self._done(item.app_id))

    def _done(self, app_id: str) -> None:
        self._tasks.pop(app_id, None)
        waiting = self._waiting.pop(app_id, None)
        if waiting is not None:
            self._begin(waiting)
        self._deployments.wake.all()
