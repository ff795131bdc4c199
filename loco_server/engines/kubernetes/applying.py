"""Manifests onto the cluster: in order, fenced by attempt, with the names of others that hold the same fields."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from loco_server.engines.base import (
    AppRef,
    Emit,
    EngineDownError,
    Rollout,
    RolloutFailedError,
    StaleAttemptError,
)
from loco_server.engines.kubernetes import diagnosis, kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.comparing import WIDENED, widened, with_room
from loco_server.engines.kubernetes.render import Manifests, fences
from loco_spec.names import LABEL_PREFIX

_log = logging.getLogger("loco.engine")

LIVE = f"{LABEL_PREFIX}live"
"""An annotation of the Deployment: the manifest that serves, or served last. A failed rollout is led back to it."""
LIVE_BYTES = 252 << 10
"""Kubernetes keeps 256 KiB of annotations on an object (apimachinery, TotalAnnotationSizeLimitB); others have some."""
TRIES = 10

Change: TypeAlias = tuple[Object, Object | None] | None
"""What is to be, and onto what, as it was read. None: it is so already."""


class Applier:
    def __init__(self, api: KubernetesApi, cluster: Cluster) -> None:
        self._api = api
        self._cluster = cluster

    async def apply(self, manifest: Object, tell: Emit | None = None, *, version: str | None = None) -> Object:
        """Apply; a field that somebody else took is taken back, and told with the other's name."""
        try:
            return await self._api.apply(manifest, version=version)
        except RefusedError as error:
            if not error.conflict or not error.managers:
                raise
            others = [text for text in error.managers if names.REPLICAS_MANAGER not in text]
            if others:
                said = f"{manifest['kind']} {manifest['metadata']['name']}: {'; '.join(others)}; taken back"
                _log.warning("%s: %s", manifest["metadata"].get("namespace", ""), said)
                if tell is not None:
                    await tell(said)
            return await self._api.apply(manifest, force=True, version=version)

    async def prepare(self, app: AppRef) -> None:
        """The namespace with its walls. One that is on its way out is waited for by the caller's next try."""
        await self._namespace(fences.namespace(self._cluster, app, ()))
        for manifest in fences.of_app(self._cluster, app):
            await self.apply(manifest)

    async def additive(self, manifests: Manifests, tell: Emit, *, before: Object | None = None) -> None:
        """Step 1: what is new stands beside what there is; what serves notices nothing.

        `before`: the Deployment as it is, if it is about to be rolled.
        """
        await self._namespace(manifests.namespace)
        for each in manifests.fences:
            manifest = each
            if each["kind"] == "ResourceQuota" and before is not None:
                manifest = with_room(each, manifests.deployment, before, live_of(before))
            found = await self._found(manifest) if manifest["kind"] in WIDENED else None
            await self.apply(widened(manifest, found), tell)
        await self.pull(manifests.pull)
        await self.ensure(manifests.env)

    async def pull(self, manifest: Object) -> None:
        """Make the Secret with the pull ticket, or replace it."""
        await self._api.make(manifest, replace=True)

    async def ensure(self, manifest: Object) -> None:
        """Make an immutable Secret; one of its name that is there already stays. Secrets are never read."""
        await self._api.make(manifest, replace=False)

    async def exact(self, manifests: Manifests, tell: Emit | None = None) -> None:
        """Step 4, the first half: nothing is wider than it need be."""
        for manifest in (manifests.namespace, *manifests.fences):
            await self.apply(manifest, tell)

    async def _namespace(self, wanted: Object) -> None:
        found = await self._api.get(kinds.NAMESPACE, None, wanted["metadata"]["name"])
        if found is not None and found["metadata"].get("deletionTimestamp"):
            raise EngineDownError(f"namespace {wanted['metadata']['name']} is still being removed")
        await self.apply(widened(wanted, found))

    async def _found(self, manifest: Object) -> Object | None:
        meta = manifest["metadata"]
        return await self._api.get(kinds.of(manifest), meta.get("namespace"), meta["name"])

    async def deployment(
        self,
        rollout: Rollout,
        manifest: Object,
        tell: Emit | None = None,
        guard: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Step 2.

        Raises:
            StaleAttemptError: a later attempt has been here.
        """

        async def rolled(found: Object | None) -> Change:
            wanted = _carrying(manifest, None if found is None else live_of(found))
            if rollout.unit.autoscale is not None:
                if found is None:
                    wanted["spec"]["replicas"] = rollout.unit.replicas
                else:
                    found = await self._hand_over(rollout, found)
            elif found is not None:
                # Fewer of them only once the new ones serve: until then the old ones do.
                wanted["spec"]["replicas"] = max(int(found["spec"].get("replicas", 1)), rollout.unit.replicas)
            if guard is not None:
                await guard()
            return wanted, found

        await self._write(rollout, rolled, tell)

    async def _write(
        self, rollout: Rollout, change: Callable[[Object | None], Awaitable[Change]], tell: Emit | None = None
    ) -> None:
        """Write the Deployment onto what was read of it; what somebody wrote in between is read, and changed, again.

        Raises:
            StaleAttemptError: a later attempt has been here.
        """
        for _ in range(TRIES):
            found = await self._api.get(kinds.DEPLOYMENT, names.namespace(rollout.app), names.WORKLOAD)
            refuse_stale(rollout, found)
            changed = await change(found)
            if changed is None:
                return
            manifest, onto = changed
            try:
                await self.apply(manifest, tell, version=None if onto is None else onto["metadata"]["resourceVersion"])
            except RefusedError as error:
                if not error.conflict or error.managers:
                    raise
            else:
                return
        raise EngineDownError(f"the Deployment of {rollout.app.app} is written by others all the time")

    async def _hand_over(self, rollout: Rollout, found: Object) -> Object:
        """Let the number of replicas stay what it is when it is left to the autoscaler: else it would become 1."""
        now = int(found["spec"].get("replicas", 1))
        hold = min(max(now, rollout.unit.replicas), rollout.unit.most)
        held = any(
            entry["manager"] != names.MANAGER and "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
            for entry in found["metadata"].get("managedFields") or []
        )
        if held and hold == now:
            return found
        meta = {key: found["metadata"][key] for key in ("name", "namespace")}
        manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": hold}}
        return await self._api.apply(manifest, manager=names.REPLICAS_MANAGER, force=True)

    async def set_live(self, rollout: Rollout, manifest: Object) -> None:
        """From now on this is what a failed rollout is led back to."""

        async def live(found: Object | None) -> Change:
            return None if found is None else (_carrying(manifest, manifest), found)

        await self._write(rollout, live)

    async def restore(self, rollout: Rollout) -> None:
        """Let what was live be applied again, or, where nothing was, take the Deployment away.

        Raises:
            StaleAttemptError: a later attempt has been here.
        """

        async def former(found: Object | None) -> Change:
            if found is None or deployment_of(found) != rollout.deployment:
                return None
            live = live_of(found)
            if live is None:
                await self._api.delete(kinds.DEPLOYMENT, names.namespace(rollout.app), names.WORKLOAD)
                return None
            return None if deployment_of(live) == rollout.deployment else (_carrying(live, live), found)

        await self._write(rollout, former)

    async def prune(self, app: AppRef, keep: Iterable[Object]) -> None:
        """Step 4, the second half: what the deployment no longer has."""
        namespace, labels = names.namespace(app), {names.APP_ID: app.app_id}
        kept = {(each["kind"], each["metadata"]["name"]) for each in keep}
        for kind in kinds.PRUNED:
            found, _ = await self._api.list(kind, namespace, labels=labels)
            for each in found:
                if (kind.kind, each["metadata"]["name"]) not in kept:
                    await self._api.delete(kind, namespace, each["metadata"]["name"])
        await self._prune_secrets(app)

    async def _prune_secrets(self, app: AppRef) -> None:
        """Variables of deployments that no ReplicaSet is of any more; without the right to read one."""
        namespace = names.namespace(app)
        sets, _ = await self._api.list(kinds.REPLICA_SET, namespace, labels={names.APP_ID: app.app_id})
        used = {each["spec"]["template"]["metadata"]["labels"].get(names.DEPLOYMENT, "0") for each in sets}
        if used:
            labels = f"{names.APP_ID}={app.app_id},{names.ROLE}=env,{names.DEPLOYMENT} notin ({','.join(sorted(used))})"
            await self._api.delete_all(kinds.SECRET, namespace, labels)


def refuse_stale(rollout: Rollout, found: Object | None) -> None:
    """Raises StaleAttemptError if a later attempt of this rollout has stamped the Deployment."""
    if found is None or deployment_of(found) != rollout.deployment:
        return
    marks = found["metadata"].get("annotations") or {}
    if int(marks.get(names.ATTEMPT, "0")) > rollout.attempt:
        raise StaleAttemptError(f"attempt {marks[names.ATTEMPT]} of v{rollout.deployment} has been here")


def refuse_large(rollout: Rollout, manifest: Object) -> None:
    """Raises RolloutFailedError if the Deployment could not carry its own manifest once it is live."""
    size = len(_carrying(manifest, manifest)["metadata"]["annotations"][LIVE].encode())
    if size > LIVE_BYTES:
        raise RolloutFailedError(diagnosis.too_large(rollout, size, LIVE_BYTES))


def deployment_of(found: Object) -> int:
    return int((found["metadata"].get("annotations") or {}).get(names.DEPLOYMENT, "0"))


def live_of(found: Object) -> Object | None:
    """Give the manifest that serves, or None before the first that did."""
    text = (found["metadata"].get("annotations") or {}).get(LIVE)
    return None if text is None else json.loads(text)


def _carrying(manifest: Object, live: Object | None) -> Object:
    """The manifest with `live` written on it."""
    meta: dict[str, Any] = dict(manifest["metadata"])
    marks = {key: value for key, value in (meta.get("annotations") or {}).items() if key != LIVE}
    if live is not None:
        text = dict(live) | {"metadata": dict(live["metadata"])}
        text["metadata"]["annotations"] = {
            key: value for key, value in (live["metadata"].get("annotations") or {}).items() if key != LIVE
        }
        marks[LIVE] = json.dumps(text, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return dict(manifest) | {"metadata": meta | {"annotations": marks}, "spec": dict(manifest["spec"])}
