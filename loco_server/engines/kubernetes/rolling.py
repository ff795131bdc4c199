"""The roll: add, change the Deployment, see it live, lead the traffic there, prune. Every step may be found done."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from loco_server.engines.base import Emit, EngineDownError, Guard, Rollout, RolloutFailedError, StaleAttemptError
from loco_server.engines.kubernetes import diagnosis, kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier, deployment_of, live_of
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.judging import Failing, Live, Verdict, Waiting, is_ready, judge, late, own_pods
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.mirror import Scene
from loco_server.engines.kubernetes.render import Manifests, render
from loco_spec.errors import Diagnosis

GUARD_SECONDS = 1.0
LEAVING_SECONDS = 10.0
"""For which the cluster's controllers may take the instances of a failed deployment away before the call returns."""
ROUTE_SECONDS = 10.0
"""For which a gateway's word about the routes is waited for."""


@dataclass
class Roll:
    """One call: what is rolled, who is told, since when."""

    rollout: Rollout
    emit: Emit
    guard: Guard
    manifests: Manifests
    started: float = field(default_factory=time.monotonic)
    told: set[str] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def version(self) -> str:
        return f"v{self.rollout.deployment}"

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
        roll = Roll(rollout, emit, guard, await self._manifests(rollout))
        try:
            await guard()
            await self._applier.additive(roll.manifests, emit)
            await self._applier.deployment(rollout, roll.manifests.deployment, emit, guard)
            await self._seen_live(roll)
            await guard()
            await self._expose(roll)
        except StaleAttemptError:
            await guard()  # it knows better words for this
            raise
        except RolloutFailedError:
            await self._undo(roll)
            raise
        except RefusedError as error:
            await self._undo(roll)
            raise RolloutFailedError(diagnosis.refused(roll.version, error.message, roll.seconds)) from error
        await guard()
        await self._applier.set_live(rollout, roll.manifests.deployment)
        await self._applier.exact(roll.manifests, emit)
        await self._applier.prune(rollout.app, roll.manifests.everything)

    async def withdraw(self, rollout: Rollout) -> None:
        """As `Engine.withdraw` promises."""
        await self._applier.restore(rollout)
        await self._api.delete(kinds.JOB, names.namespace(rollout.app), names.release_job(rollout.deployment), grace=0)

    async def _manifests(self, rollout: Rollout) -> Manifests:
        """What is rolled out already keeps the Secret that it was started with: another would start it anew."""
        found = await self._api.get(kinds.DEPLOYMENT, names.namespace(rollout.app), names.WORKLOAD)
        return render(self._cluster, rollout, env_secret=env_secret_of(found, rollout))

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
                verdict = judge(rollout, found, pods, scene.all(kinds.EVENT), now=now, seconds=roll.seconds)
                await self._tell(roll, pods, verdict)
                if isinstance(verdict, Live):
                    return
                if isinstance(verdict, Failing):
                    first = since.setdefault(verdict.diagnosis.cause, time.monotonic())
                    patience = verdict.patience if verdict.diagnosis.phase != "health" else _rest(verdict)
                    if time.monotonic() - first >= patience:
                        raise RolloutFailedError(await self._with_lines(namespace, verdict))
                else:
                    since.clear()
                if roll.seconds >= rollout.timeout_seconds:
                    raise RolloutFailedError(late(rollout, verdict, roll.seconds))
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
            case Failing(found, patience) if patience and found.phase != "health":
                await roll.tell_once(found.cause, found.message)
            case Waiting(ready, wanted, old) if old and ready >= wanted:
                await roll.tell_once(f"old {old}", f"waiting for {old} of the old to end")

    async def _with_lines(self, namespace: str, verdict: Failing) -> Diagnosis:
        if verdict.pod is None:
            return verdict.diagnosis
        query = {"tailLines": str(diagnosis.LINES)} | ({"previous": "true"} if verdict.previous else {})
        try:
            text = await self._api.log_text(namespace, verdict.pod, query)
        except (RefusedError, EngineDownError):
            return verdict.diagnosis  # the cause is known all the same
        return verdict.diagnosis.model_copy(update={"lines": tuple(text.splitlines()[-diagnosis.LINES :])})

    async def _expose(self, roll: Roll) -> None:
        """Step 3."""
        for manifest in roll.manifests.exposure:
            await self._applier.apply(manifest, roll.emit)
        if roll.rollout.unit.routes:
            await self._routes_taken(roll)
            await roll.emit(f"the traffic goes to {roll.version}")

    async def _routes_taken(self, roll: Roll) -> None:
        """Wait for the gateway's word. None at all, after a while, is told and is no failure: the routes stand."""
        namespace, until = names.namespace(roll.rollout.app), time.monotonic() + ROUTE_SECONDS
        hosts = {route.host for route in roll.rollout.unit.routes}
        while hosts:
            found, _ = await self._api.list(kinds.HTTP_ROUTE, namespace)
            for route in found:
                said = _route_status(route)
                if said is True:
                    hosts.discard(route["metadata"]["name"])
                elif isinstance(said, str) and time.monotonic() >= until:
                    raise RolloutFailedError(diagnosis.route_refused(route["metadata"]["name"], said, roll.seconds))
            if not hosts:
                return
            if time.monotonic() >= until:
                await roll.emit(f"no gateway has taken the route of {', '.join(sorted(hosts))} yet")
                return
            await roll.guard()
            await asyncio.sleep(0.5)

    async def _undo(self, roll: Roll) -> None:
        """The live template is applied again; what was added for this deployment goes when the next one is live."""
        namespace = names.namespace(roll.rollout.app)
        pods, _ = await self._api.list(kinds.POD, namespace, labels={names.APP_ID: roll.rollout.app.app_id})
        await self._keeping.keep_now(roll.rollout.app, own_pods(pods, roll.rollout))
        await roll.guard()
        await self._applier.restore(roll.rollout)
        await self._leave(roll.rollout)

    async def _leave(self, rollout: Rollout) -> None:
        """What never served is not drained: its memory and its place in the quota are free for the next try."""
        namespace, until = names.namespace(rollout.app), time.monotonic() + LEAVING_SECONDS
        hurried: set[str] = set()
        while time.monotonic() < until:
            labels = names.selector(rollout.app) | {names.DEPLOYMENT: str(rollout.deployment)}
            pods, _ = await self._api.list(kinds.POD, namespace, labels=labels)
            if not pods:
                return
            for pod in pods:
                name = pod["metadata"]["name"]
                if pod["metadata"].get("deletionTimestamp") and name not in hurried:
                    hurried.add(name)
                    await self._api.delete(kinds.POD, namespace, name, grace=1)
            await asyncio.sleep(0.2)


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


def _route_status(route: Object) -> bool | str | None:
    """True: taken. A text: refused, and why. None: nobody has said anything about this generation."""
    for parent in (route.get("status") or {}).get("parents") or []:
        known = {each["type"]: each for each in parent.get("conditions") or []}
        accepted = known.get("Accepted")
        if accepted is None or int(accepted.get("observedGeneration", 0)) < int(route["metadata"]["generation"]):
            continue
        for kind in ("Accepted", "ResolvedRefs"):
            if kind in known and known[kind]["status"] == "False":
                return f"{known[kind].get('reason', '')}: {known[kind].get('message', '')}"
        return True
    return None
