"""The Kubernetes engine: a namespace an app, manifests applied server-side, and the cluster's own controllers."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import replace
from typing import Any

from loco_server.engines.attached import Attached, Start, within
from loco_server.engines.base import (
    AppRef,
    Emit,
    EngineDownError,
    Guard,
    InstanceStatus,
    InstanceUsage,
    LogKeeper,
    LogQuery,
    ReleaseResult,
    Rollout,
    Suspension,
)
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.attaching import Attacher
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.judging import crashing, is_ready, moment
from loco_server.engines.kubernetes.last_lines import last_lines
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.logs.stream import stream
from loco_server.engines.kubernetes.logs.watching import Watching
from loco_server.engines.kubernetes.quantities import quantity
from loco_server.engines.kubernetes.reconciling import UNKNOWN_SECONDS, Reconciler
from loco_server.engines.kubernetes.releasing import Releaser
from loco_server.engines.kubernetes.rolling import Roller
from loco_server.engines.kubernetes.trying import Trier
from loco_server.kubernetes_settings import Kubernetes
from loco_spec.errors import Diagnosis
from loco_spec.events import LogBatch

GONE_SECONDS = 120.0
POLL_SECONDS = 0.5


class KubernetesEngine:
    """`kubernetes`: what the operator says of the cluster. Other parts of a single machine (`**_`) have no use here.

    `unknown_seconds`: as `Reconciler` has it.
    """

    def __init__(
        self,
        *,
        installation: str,
        keeper: LogKeeper,
        kubernetes: Kubernetes,
        unknown_seconds: float = UNKNOWN_SECONDS,
        **_: Any,
    ) -> None:
        cluster = Cluster.of(installation, kubernetes)
        self._cluster = cluster
        self._api = KubernetesApi(kubernetes.kubeconfig)
        self._keeper = keeper
        self._keeping = Keeping(self._api, keeper)
        self._watching = Watching(self._api, installation)
        self._applier = Applier(self._api, cluster)
        self._roller = Roller(self._api, cluster, self._applier, self._keeping)
        self._releaser = Releaser(self._api, cluster, self._applier, self._keeping)
        self._reconciler = Reconciler(
            self._api,
            cluster,
            self._applier,
            self._keeping,
            worked_on=self._worked_on,
            unknown_seconds=unknown_seconds,
        )
        self._attacher = Attacher(self._api, cluster, self._applier)
        self._trier = Trier(self._api, cluster)
        self._reconciling = asyncio.Lock()
        self._at_work: Counter[str] = Counter()
        self._done_at: dict[str, float] = {}

    def host(self, app: AppRef) -> str:
        return names.service_host(app)

    async def check(self) -> None:
        with _told():
            await self._api.version()
            if not await self._api.serves(kinds.HTTP_ROUTE):
                raise EngineDownError(
                    "the cluster does not know the Gateway API: install its standard channel (v1), "
                    "see `loco docs operations`"
                )

    async def prepare(self, app: AppRef) -> None:
        with _told(), self._working(app):
            await self._applier.prepare(app)

    async def dry_run(self, rollout: Rollout) -> tuple[str, ...]:
        with _told():
            return await self._trier.dry_run(rollout)

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        with _told(), self._working(rollout.app):
            return await self._releaser.release(
                rollout, command, timeout_seconds=timeout_seconds, emit=emit, guard=guard
            )

    async def roll(self, rollout: Rollout, *, emit: Emit, guard: Guard) -> None:
        with _told(), self._working(rollout.app):
            await self._roller.roll(rollout, emit, guard)

    async def tidy(self, app: AppRef) -> None:
        """The nodes collect their images themselves."""

    async def withdraw(self, rollout: Rollout) -> None:
        with _told(), self._working(rollout.app):
            await self._roller.withdraw(rollout)

    async def suspend(self, suspension: Suspension) -> None:
        with _told(), self._working(suspension.app):
            await self._reconciler.suspend(suspension)

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        with _told():
            async with self._reconciling:
                await self._attacher.tidy()
                await self._reconciler.reconcile(wanted, busy, suspended)

    async def status(self, app: AppRef) -> Sequence[InstanceStatus]:
        with _told():
            pods, _ = await self._api.list(kinds.POD, names.namespace(app), labels=names.selector(app))
        there = [pod for pod in sorted(pods, key=names.instance) if not pod["metadata"].get("deletionTimestamp")]
        return [replace(_status(pod), diagnosis=await self._crashing(pod)) for pod in there]

    async def _crashing(self, pod: Object) -> Diagnosis | None:
        """Why it ends again and again, where it does."""
        explain, meta = crashing(pod), pod["metadata"]
        if explain is None:
            return None
        return explain(await last_lines(self._api, meta["namespace"], meta["name"], previous=True) or ())

    async def usage(self) -> Sequence[InstanceUsage]:
        """Nothing where the cluster has no metrics-server."""
        with _told():
            try:
                found, _ = await self._api.list(
                    kinds.POD_METRICS, labels={names.INSTALLATION: self._cluster.installation}
                )
            except RefusedError as error:
                if error.missing:
                    return []
                raise
        return [each for each in map(_usage, found) if each is not None]

    async def logs(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        with _told():
            async with aclosing(stream(self._api, self._keeper, self._watching, query)) as batches:
                async for batch in batches:
                    yield batch

    def exec(self, app: AppRef, instance: str, start: Start) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.exec(app, instance, start))

    def run(self, rollout: Rollout, start: Start) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.run(rollout, start))

    def connect(self, app: AppRef, instance: str, port: int) -> AbstractAsyncContextManager[Attached]:
        return within(_told(), self._attacher.connect(app, instance, port))

    async def in_use(self, app: AppRef) -> frozenset[str]:
        with _told():
            found: set[str] = set()
            for kind in (kinds.REPLICA_SET, kinds.JOB):
                owners, _ = await self._api.list(kind, names.namespace(app), labels={names.APP_ID: app.app_id})
                for each in owners:
                    containers = each["spec"]["template"]["spec"]["containers"]
                    found |= {names.image_digest(str(container["image"])) for container in containers}
        return frozenset(found - {""})

    async def destroy(self, app: AppRef) -> None:
        with _told(), self._working(app):
            await self._gone([names.namespace(app)])

    async def stop(self) -> None:
        """Nothing: the cluster runs on without its server."""

    async def remove_all(self) -> None:
        with _told():
            labels = {names.INSTALLATION: self._cluster.installation}
            found, _ = await self._api.list(kinds.NAMESPACE, labels=labels)
            await self._gone([each["metadata"]["name"] for each in found])

    async def close(self) -> None:
        await self._keeping.close()
        await self._watching.aclose()
        await self._api.close()

    async def _gone(self, namespaces: Sequence[str]) -> None:
        """Delete and wait. What holds one back (finalizers, an API that is away) is what its conditions tell."""
        for name in namespaces:
            await self._api.delete(kinds.NAMESPACE, None, name)
        until = time.monotonic() + GONE_SECONDS
        for name in namespaces:
            while (found := await self._api.get(kinds.NAMESPACE, None, name)) is not None:
                if time.monotonic() > until:
                    raise EngineDownError(f"namespace {name} is still being removed: {_held_by(found)}")
                await asyncio.sleep(POLL_SECONDS)

    def _worked_on(self, app_id: str, since: float) -> bool:
        return self._at_work[app_id] > 0 or self._done_at.get(app_id, float("-inf")) >= since

    @contextmanager
    def _working(self, app: AppRef) -> Iterator[None]:
        """`reconcile` leaves the app alone meanwhile, also when its caller's list of the busy is a moment old."""
        self._at_work[app.app_id] += 1
        try:
            yield
        finally:
            self._at_work[app.app_id] -= 1
            self._done_at[app.app_id] = time.monotonic()


@contextmanager
def _told() -> Iterator[None]:
    """What the cluster refuses without a better word for it is told as the engine being at fault."""
    try:
        yield
    except RefusedError as error:
        raise EngineDownError(f"the Kubernetes API refused: {error.message[:300]}") from error


def _held_by(namespace: Object) -> str:
    conditions = (namespace.get("status") or {}).get("conditions") or []
    said = [str(each.get("message", "")) for each in conditions if each.get("status") == "True"]
    return "; ".join(said) or "the cluster does not say why"


def _status(pod: Object) -> InstanceStatus:
    name, deployment = names.instance(pod)
    status = pod.get("status") or {}
    container: Object = next(iter(status.get("containerStatuses") or []), {})
    state = container.get("state") or {}
    restarts, reason, started = int(container.get("restartCount", 0)), None, None
    if "running" in state:
        word = "running" if is_ready(pod) else "unhealthy" if container.get("started") else "starting"
        started = moment(state["running"]["startedAt"])
        reason = None if word != "unhealthy" else "its health check fails"
    elif "terminated" in state:
        word, reason = "stopped", f"exit code {state['terminated'].get('exitCode', 0)}"
    else:
        word, reason = "starting", str((state.get("waiting") or {}).get("reason") or "") or None
    return InstanceStatus(name, deployment, word, started, restarts, reason)


def _usage(found: Object) -> InstanceUsage | None:
    app = names.app_of(found["metadata"].get("labels") or {})
    if app is None:
        return None
    used = [container["usage"] for container in found.get("containers") or []]
    return InstanceUsage(
        app=app,
        name=names.instance(found)[0],
        cpu_millis=round(sum(quantity(each["cpu"]) or 0 for each in used) * 1000),
        memory_bytes=int(sum(quantity(each["memory"]) or 0 for each in used)),
    )
