"""Make the cluster as the records say: what differs is applied again, what nobody wants goes."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from loco_server.engines.base import AppRef, EngineDownError, PullCredential, Rollout, StaleAttemptError, Suspension
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import LIVE, Applier
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.comparing import is_so
from loco_server.engines.kubernetes.judging import is_mixed
from loco_server.engines.kubernetes.kinds import Kind
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.render import Manifests, render
from loco_server.engines.kubernetes.rolling import env_secret_of

_log = logging.getLogger("loco.engine")

SECRETS_SECONDS = 600.0
"""Secrets are not read, so what somebody did to them is not seen: they are applied again from time to time."""
AT_ONCE = 8
UNKNOWN_SECONDS = 60.0
"""Another server prepares a namespace before it writes the app down: a refusal leaves nothing in the records."""
LAST_WORDS_SECONDS = 5.0
"""So long what is suspended may go on while its logs are read."""

There = Mapping[Kind, Mapping[str, Object]]


@dataclass
class _World:
    """What there is, by namespace."""

    objects: dict[str, dict[Kind, dict[str, Object]]] = field(default_factory=dict)
    namespaces: dict[str, Object] = field(default_factory=dict)


class Reconciler:
    def __init__(
        self,
        api: KubernetesApi,
        cluster: Cluster,
        applier: Applier,
        keeping: Keeping,
        *,
        worked_on: Callable[[str, float], bool],
        unknown_seconds: float = UNKNOWN_SECONDS,
    ) -> None:
        """`unknown_seconds`: for so long a namespace stays that is of no app which the records know."""
        self._api = api
        self._cluster = cluster
        self._applier = applier
        self._keeping = keeping
        self._worked_on = worked_on
        self._secrets_at: dict[str, tuple[float, PullCredential]] = {}
        self._unknown_seconds = unknown_seconds
        self._unknown_since: dict[str, float] = {}

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        """As `Engine.reconcile` promises. What cannot be mended for one app is logged, and keeps no other waiting."""
        began = time.monotonic()
        world = await self._world()
        limit = asyncio.Semaphore(AT_ONCE)

        def skip(app_id: str) -> bool:
            return app_id in busy or self._worked_on(app_id, began)

        async def each(app: AppRef, mend: Callable[[], object]) -> None:
            async with limit:
                if skip(app.app_id):
                    return
                try:
                    await mend()  # type: ignore[misc]
                except (RefusedError, StaleAttemptError) as error:
                    _log.warning("%s/%s: %s", app.team, app.app, error)

        known = {r.app.app_id for r in wanted} | {s.app.app_id for s in suspended}
        async with asyncio.TaskGroup() as group:
            for rollout in wanted:
                there = world.objects.get(names.namespace(rollout.app), {})
                group.create_task(each(rollout.app, lambda r=rollout, t=there: self._make_true(r, t)))  # type: ignore[misc]
            for suspension in suspended:
                there = world.objects.get(names.namespace(suspension.app), {})
                group.create_task(each(suspension.app, lambda s=suspension, t=there: self.keep_still(s.app, t)))  # type: ignore[misc]
        unknown = []
        for name, found in world.namespaces.items():
            app = names.app_of(found["metadata"].get("labels") or {})
            ending = found["metadata"].get("deletionTimestamp")
            if app is not None and app.app_id not in known and not skip(app.app_id) and not ending:
                unknown.append(name)
        for name in self._long_unknown(unknown):
            _log.info("removing what no live deployment needs: %s", name)
            await self._api.delete(kinds.NAMESPACE, None, name)

    def _long_unknown(self, found: Sequence[str]) -> list[str]:
        now = time.monotonic()
        self._unknown_since = {name: self._unknown_since.get(name, now) for name in found}
        return [name for name, since in self._unknown_since.items() if now - since >= self._unknown_seconds]

    async def _world(self) -> _World:
        labels = {names.INSTALLATION: self._cluster.installation}
        world = _World()
        listed = await asyncio.gather(*(self._api.list(kind, labels=labels) for kind in (*kinds.KEPT_TRUE, kinds.POD)))
        for kind, (found, _) in zip((*kinds.KEPT_TRUE, kinds.POD), listed, strict=True):
            for each in found:
                each.update(kind=kind.kind, apiVersion=kind.api_version)  # a list's items do without
                name = each["metadata"]["name"]
                if kind == kinds.NAMESPACE:
                    world.namespaces[name] = each
                space = name if kind == kinds.NAMESPACE else each["metadata"]["namespace"]
                world.objects.setdefault(space, {}).setdefault(kind, {})[name] = each
        return world

    async def _make_true(self, rollout: Rollout, there: There) -> None:
        self._keeping.see(rollout.app, there.get(kinds.POD, {}).values())
        space = there.get(kinds.NAMESPACE, {}).get(names.namespace(rollout.app))
        if space is not None and space["metadata"].get("deletionTimestamp"):
            return  # somebody removed it: made anew once it is gone
        deployment = there.get(kinds.DEPLOYMENT, {}).get(names.WORKLOAD)
        manifests = render(self._cluster, rollout, env_secret=env_secret_of(deployment, rollout))
        await self._secrets(rollout, manifests, fresh=space is None)
        differing = [each for each in manifests.everything if self._differs(each, there, rollout)]
        if deployment is not None and (manifests.deployment in differing or is_mixed(deployment)):
            # Narrowed once all pods are of the one: until then it leads to those of both.
            differing = [each for each in differing if each["kind"] != "Service" or not there.get(kinds.SERVICE)]
        for each in differing:
            if each is manifests.deployment:
                await self._applier.deployment(rollout, each)
                await self._applier.set_live(rollout, each)
            elif each not in (manifests.pull, manifests.env):
                await self._applier.apply(each)
        if differing:
            said = ", ".join(f"{each['kind']} {each['metadata']['name']}" for each in differing)
            _log.info("v%d of %s/%s was mended: %s", rollout.deployment, rollout.app.team, rollout.app.app, said)
        kept = {(kinds.of(each), each["metadata"]["name"]) for each in manifests.everything}
        if any((kind, name) not in kept for kind in kinds.PRUNED for name in there.get(kind, {})):
            await self._applier.prune(rollout.app, manifests.everything)

    def _differs(self, manifest: Object, there: There, rollout: Rollout) -> bool:
        kind = kinds.of(manifest)
        if kind == kinds.SECRET:
            return False
        found = there.get(kind, {}).get(manifest["metadata"]["name"])
        if found is None or not is_so(manifest, found):
            return True
        if kind != kinds.DEPLOYMENT:
            return False
        asleep = rollout.unit.autoscale is not None and not found["spec"].get("replicas")
        return asleep or LIVE not in (found["metadata"].get("annotations") or {})

    async def _secrets(self, rollout: Rollout, manifests: Manifests, *, fresh: bool) -> None:
        """At once where the pull ticket is another one than was applied: a suspension ends the one before."""
        app_id, now = rollout.app.app_id, time.monotonic()
        at, ticket = self._secrets_at.get(app_id, (float("-inf"), None))
        if not fresh and ticket == rollout.pull and now - at < SECRETS_SECONDS:
            return
        for manifest in (manifests.namespace, *manifests.fences):
            await self._applier.apply(manifest)
        await self._applier.pull(manifests.pull)
        await self._applier.ensure(manifests.env)
        self._secrets_at[app_id] = (now, rollout.pull)

    async def keep_still(self, app: AppRef, there: There) -> None:
        """Nothing of it runs: no autoscaler, no replicas, no release command. Its routes stay: they answer 503."""
        self._keeping.see(app, there.get(kinds.POD, {}).values())
        namespace = names.namespace(app)
        if names.WORKLOAD in there.get(kinds.AUTOSCALER, {}):
            await self._api.delete(kinds.AUTOSCALER, namespace, names.WORKLOAD)
        for name in there.get(kinds.JOB, {}):
            await self._api.delete(kinds.JOB, namespace, name, grace=0)
        found = there.get(kinds.DEPLOYMENT, {}).get(names.WORKLOAD)
        if found is not None and found["spec"].get("replicas") != 0:
            meta = {"name": names.WORKLOAD, "namespace": namespace}
            manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 0}}
            await self._api.apply(manifest, manager=names.REPLICAS_MANAGER, force=True)

    async def suspend(self, suspension: Suspension) -> None:
        """As `Engine.suspend` promises, for one app that nobody has listed yet."""
        namespace = names.namespace(suspension.app)
        if await self._api.get(kinds.NAMESPACE, None, namespace) is None:
            return
        wanted = (kinds.AUTOSCALER, kinds.JOB, kinds.DEPLOYMENT, kinds.POD)
        listed = await asyncio.gather(*(self._api.list(kind, namespace) for kind in wanted))
        there: dict[Kind, dict[str, Object]] = {
            kind: {each["metadata"]["name"]: each for each in found}
            for kind, (found, _) in zip(wanted, listed, strict=True)
        }
        pods = list(there[kinds.POD].values())
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                own = [pod for pod in pods if names.app_of(pod["metadata"].get("labels") or {}) is not None]
                await self._keeping.keep_now(suspension.app, own)
        except Exception as error:  # noqa: BLE001  what is to stop does not run on for the sake of its log
            _log.warning("%s/%s: last words are lost: %r", suspension.app.team, suspension.app.app, error)
        await self.keep_still(suspension.app, there)
        for pod in pods:  # at once, without drain
            try:
                await self._api.delete(kinds.POD, namespace, pod["metadata"]["name"], grace=0)
            except EngineDownError as error:
                _log.warning("%s: %s", pod["metadata"]["name"], error)
