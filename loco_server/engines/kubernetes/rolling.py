"""The roll: add, change the Deployment, see it live, lead the traffic there, prune. Every step may be found done."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from loco_server.engines import rolling
from loco_server.engines.base import Emit, Guard, Rollout, RolloutFailedError, StaleAttemptError
from loco_server.engines.kubernetes import diagnosis, kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier, deployment_of, live_of, refuse_large
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.ending import ended
from loco_server.engines.kubernetes.exposing import Exposing
from loco_server.engines.kubernetes.judging import (
    Failing,
    Live,
    Verdict,
    Waiting,
    is_ready,
    is_settled,
    judge,
    late,
    own_pods,
)
from loco_server.engines.kubernetes.last_lines import last_lines
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.mirror import Scene
from loco_server.engines.kubernetes.releasing import end_release
from loco_server.engines.kubernetes.render import Manifests, render
from loco_server.telemetry.metrics import phased
from loco_spec.errors import Diagnosis

_log = logging.getLogger("loco.engine")

GUARD_SECONDS = 1.0
LEAVING_SECONDS = 10.0
"""For which the cluster's controllers may take the instances of a failed deployment away before the call returns."""
BACK_SECONDS = 60.0
"""For which the one before may take to serve again, before what leads to it is made as narrow as it was."""


@dataclass
class Roll(rolling.Rolling):
    manifests: Manifests
    found: Object | None
    """The Deployment, before this call changed anything."""
    exposing: Exposing
    served: bool = False
    """Whether visitors may have reached it."""
    told: set[str] = field(default_factory=set)

    @property
    def live(self) -> Object | None:
        """The manifest that served when this call began."""
        return None if self.found is None else live_of(self.found)

    async def tell_once(self, key: str, line: str) -> None:
        if key not in self.told:
            self.told.add(key)
            await self.emit(line)


class Roller:
    def __init__(self, api: KubernetesApi, cluster: Cluster, applier: Applier, keeping: Keeping) -> None:
        self._api = api
        self._cluster = cluster
        self._applier = applier
        self._keeping = keeping

    async def roll(self, rollout: Rollout, emit: Emit, guard: Guard) -> None:
        """As `Engine.roll` promises."""
        roll = await self._begun(rollout, emit, guard)
        try:
            await guard()
            await self._applier.additive(roll.manifests, emit, before=roll.found)
            if roll.live is not None:
                await roll.exposing.widen(roll.live, roll.manifests.deployment, emit)
            await self._applier.deployment(rollout, roll.manifests.deployment, emit, guard)
            roll.enters("starting")
            await self._seen_live(roll)
            await guard()
            roll.served = True
            roll.enters("switching")
            await roll.exposing.lead(emit, guard)
            await guard()
            await self._applier.set_live(rollout, roll.manifests.deployment)
        except StaleAttemptError:
            await guard()  # it knows better words for this
            raise
        except RolloutFailedError as error:
            failed = error if error.diagnosis.total is not None else roll.failed(error.diagnosis)
            await self._undo(roll)
            raise failed from error
        except RefusedError as error:
            failed = roll.failed(diagnosis.refused(roll.version, error.message))
            await self._undo(roll)
            raise failed from error
        await guard()
        try:
            await self._applier.exact(roll.manifests, emit)
            await self._applier.prune(rollout.app, roll.manifests.everything)
        except RefusedError as error:  # it serves: no reason to fail, and reconcile tries again
            _log.warning("%s/%s: %s", rollout.app.team, rollout.app.app, error)
            await emit(f"the cluster keeps something of the former deployments for now: {error.message[:200]}")

    async def withdraw(self, rollout: Rollout) -> None:
        """As `Engine.withdraw` promises."""
        await self._applier.restore(rollout)
        await end_release(self._api, rollout)

    async def _begun(self, rollout: Rollout, emit: Emit, guard: Guard) -> Roll:
        """What is rolled out already keeps the Secret that it was started with: another would start it anew."""
        found = await self._api.get(kinds.DEPLOYMENT, names.namespace(rollout.app), names.WORKLOAD)
        manifests = render(self._cluster, rollout, env_secret=env_secret_of(found, rollout))
        refuse_large(rollout, manifests.deployment)
        exposing = Exposing(self._api, self._applier, rollout, manifests.exposure)
        await exposing.read()
        return Roll(rollout, emit, guard, manifests, found, exposing)

    @phased("start")
    async def _seen_live(self, roll: Roll) -> None:
        rollout, namespace = roll.rollout, names.namespace(roll.rollout.app)
        since: dict[str, float] = {}
        asked = time.monotonic()
        async with Scene(self._api, namespace, kinds.DEPLOYMENT, kinds.POD, kinds.EVENT) as scene:
            while True:
                pods = scene.all(kinds.POD)
                self._keeping.see(rollout.app, pods)
                found = next(iter(scene.all(kinds.DEPLOYMENT)), None)
                now = datetime.now(UTC)
                verdict = judge(rollout, found, pods, scene.all(kinds.EVENT), now=now)
                await self._tell(roll, pods, verdict)
                if isinstance(verdict, Live):
                    return
                if isinstance(verdict, Failing):
                    first = since.setdefault(verdict.diagnosis.cause, time.monotonic())
                    patience = verdict.patience if verdict.diagnosis.phase != "health" else _rest(verdict)
                    if time.monotonic() - first >= patience:
                        raise roll.failed(await self._with_lines(namespace, verdict), verdict.lasted)
                else:
                    since.clear()
                if roll.seconds >= rollout.timeout_seconds:
                    raise roll.failed(late(rollout, verdict))
                if time.monotonic() - asked >= GUARD_SECONDS:
                    await roll.guard()
                    asked = time.monotonic()
                left = rollout.timeout_seconds - roll.seconds
                await scene.next(max(0.0, min(GUARD_SECONDS, left)))

    async def _tell(self, roll: Roll, pods: list[Object], verdict: Verdict) -> None:
        for pod in own_pods(pods, roll.rollout):
            name = names.instance(pod)[0]
            if (pod.get("status") or {}).get("phase") == "Running":
                await roll.tell_once(f"{name} started", f"{name} started ({roll.seconds:.1f} s)")
            if is_ready(pod):
                await roll.tell_once(f"{name} healthy", f"{name} is healthy ({roll.seconds:.1f} s)")
        match verdict:
            case Failing(found, lasted=float(lasted)) if found.phase == "health":
                if lasted >= rolling.LATE_SECONDS and found.cause != "probe-late":  # that one only says that time is up
                    await roll.tell_waiting(found, lasted, roll.rollout.unit.probe.grace)
            case Failing(found, patience) if patience and found.phase != "health":
                await roll.tell_once(found.cause, found.message)
            case Waiting(ready, wanted, old) if old and ready >= wanted:
                await roll.tell_once(f"old {old}", f"waiting for {old} of the old to end")

    async def _with_lines(self, namespace: str, verdict: Failing) -> Diagnosis:
        if verdict.pod is None:
            return verdict.diagnosis
        lines = await last_lines(self._api, namespace, verdict.pod, previous=verdict.previous)
        if lines is None:
            return verdict.diagnosis  # the cause is known all the same
        return (
            verdict.diagnosis.model_copy(update={"lines": lines}) if verdict.explain is None else verdict.explain(lines)
        )

    async def _undo(self, roll: Roll) -> None:
        """The live template is applied again, and what led to it; what else was added goes with the next live one."""
        namespace = names.namespace(roll.rollout.app)
        pods, _ = await self._api.list(kinds.POD, namespace, labels={names.APP_ID: roll.rollout.app.app_id})
        await self._keeping.keep_now(roll.rollout.app, own_pods(pods, roll.rollout))
        await roll.guard()
        if roll.served and roll.live is not None:
            await roll.exposing.bridge(roll.live, roll.manifests.deployment)
        await roll.exposing.lead_back()
        await self._applier.restore(roll.rollout)
        if not roll.served:
            await self._leave(roll.rollout)
        if roll.exposing.widened:
            await self._served_again(roll)
            await roll.exposing.narrow()

    async def _served_again(self, roll: Roll) -> None:
        namespace, until = names.namespace(roll.rollout.app), time.monotonic() + BACK_SECONDS
        while time.monotonic() < until:
            found = await self._api.get(kinds.DEPLOYMENT, namespace, names.WORKLOAD)
            if found is None or is_settled(found):
                return
            await roll.guard()
            await asyncio.sleep(0.2)

    async def _leave(self, rollout: Rollout) -> None:
        """What never served is not drained: its memory and its place in the quota are free for the next try."""
        labels = names.selector(rollout.app) | {names.DEPLOYMENT: str(rollout.deployment)}
        await ended(
            self._api,
            names.namespace(rollout.app),
            labels,
            seconds=LEAVING_SECONDS,
            hurried=lambda pod: bool(pod["metadata"].get("deletionTimestamp")) and not is_ready(pod),
        )


def env_secret_of(found: Object | None, rollout: Rollout) -> str | None:
    """Give the name of the Secret that this deployment's pods were started with, if they were."""
    if found is None:
        return None
    for manifest in (found, live_of(found)):
        if manifest is not None and deployment_of(manifest) == rollout.deployment:
            for each in manifest["spec"]["template"]["spec"]["containers"][0].get("envFrom") or []:
                return str(each["secretRef"]["name"])
    return None


def _rest(verdict: Failing) -> float:
    """A probe's patience is what is left of the grace: `judge` counts it from the container's start."""
    return 0.0 if verdict.patience <= 0 else float("inf")
