"""How a rollout stands, from what the cluster tells of it: conditions, pods and their containers, events. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from loco_server.engines import explaining
from loco_server.engines.base import Rollout
from loco_server.engines.facts import Ended
from loco_server.engines.kubernetes import diagnosis, names
from loco_server.engines.kubernetes.quantities import quantity
from loco_spec.errors import Diagnosis

Object = Mapping[str, Any]

FINAL = re.compile(
    r"not found|manifest unknown|unauthorized|denied|forbidden|no basic auth|invalid reference|no match for platform",
    re.IGNORECASE,
)
"""What a registry says that asking again does not change."""
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "InvalidImageName", "RunContainerError"})
PULL_PATIENCE = 1000.0
RESTARTS = 2
"""From so many on they are told: anything may end once."""
ROOM_PATIENCE = 60.0
"""Seconds for which what may pass by itself is waited for: pods that end, nodes that come."""


@dataclass(frozen=True)
class Live:
    """All is rolled out, and nothing of the old is left."""


@dataclass(frozen=True)
class Waiting:
    ready: int
    wanted: int
    old: int
    """Instances of other deployments that are there still."""


@dataclass(frozen=True)
class Failing:
    diagnosis: Diagnosis
    patience: float
    """Seconds for which it may last before it is a failure. 0: it is one now."""
    pod: str | None = None
    """Whose last lines to show."""
    previous: bool = False
    """The lines of the container before: this one is a restart."""
    explain: Callable[[Sequence[str]], Diagnosis] | None = None
    """The diagnosis once more, with the last lines known."""
    lasted: float | None = None
    """Seconds in the phase, where the cluster counts them."""


Verdict = Live | Waiting | Failing


def own_pods(pods: Iterable[Object], rollout: Rollout) -> list[Object]:
    """Those of this deployment that are to serve."""
    return [
        pod
        for pod in pods
        if (marks := pod["metadata"].get("labels") or {}).get(names.DEPLOYMENT) == str(rollout.deployment)
        and marks.get(names.ROLE) == "app"
        and not pod["metadata"].get("deletionTimestamp")
    ]


def judge(
    rollout: Rollout,
    deployment: Object | None,
    pods: Sequence[Object],
    events: Sequence[Object],
    *,
    now: datetime,
) -> Verdict:
    """Say how it stands."""
    if deployment is None:
        return Waiting(0, rollout.unit.replicas, 0)
    status = deployment.get("status") or {}
    wanted = int(deployment["spec"].get("replicas", 1))
    seen = _seen(deployment)
    if seen:
        if is_settled(deployment):
            return Live()
        refused = _refused(rollout, status)
        if refused is not None:
            return refused
    mine = own_pods(pods, rollout)
    for pod in mine:
        failing = _pod(rollout, pod, [e for e in events if _about(e, pod)], now=now)
        if failing is not None:
            return failing
    ready = sum(1 for pod in mine if is_ready(pod))
    old = int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0)) if seen else 0
    return Waiting(ready, wanted, max(0, old))


def is_settled(deployment: Object) -> bool:
    """Whether all its pods are of its template, as many as are wanted, and available."""
    status = deployment.get("status") or {}
    counts = {int(status.get(key, 0)) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    return _seen(deployment) and counts == {int(deployment["spec"].get("replicas", 1))}


def is_mixed(deployment: Object) -> bool:
    """Whether pods of another template are there still."""
    status = deployment.get("status") or {}
    return int(status.get("replicas", 0)) > int(status.get("updatedReplicas", 0))


def is_ready(pod: Object) -> bool:
    return _condition(pod, "Ready") == "True"


def late(rollout: Rollout, verdict: Verdict) -> Diagnosis:
    """The deadline has come: the best word for what was still missing."""
    if isinstance(verdict, Failing):
        return verdict.diagnosis
    ready, wanted, old = (getattr(verdict, name, 0) for name in ("ready", "wanted", "old"))
    return explaining.late(rollout.timeout_seconds, ready=ready, wanted=wanted, old=old)


def _seen(deployment: Object) -> bool:
    """Whether the cluster's controller has looked at it as it is now."""
    observed = int((deployment.get("status") or {}).get("observedGeneration", 0))
    return observed >= int(deployment["metadata"].get("generation", 1))


def _refused(rollout: Rollout, status: Object) -> Failing | None:
    for condition in status.get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            found = diagnosis.refused(f"v{rollout.deployment}", str(condition.get("message", "")))
            return Failing(found, ROOM_PATIENCE if found.cause == "quota-exceeded" else 0)
    return None


def _pod(rollout: Rollout, pod: Object, events: Sequence[Object], *, now: datetime) -> Failing | None:
    name, status, unit = names.instance(pod)[0], pod.get("status") or {}, rollout.unit
    pod_name = pod["metadata"]["name"]
    if status.get("reason") == "Evicted":
        return Failing(explaining.evicted(name, str(status.get("message", ""))), 0)
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return Failing(explaining.unschedulable(name, str(condition.get("message", ""))), ROOM_PATIENCE)
    for container in status.get("containerStatuses") or []:
        state, last = container.get("state") or {}, container.get("lastState") or {}
        ended = state.get("terminated") or last.get("terminated")
        if ended is not None:
            started = state.get("terminated") is None
            explain = _explained(rollout, name, ended)
            return Failing(explain(()), 0, pod_name, previous=started, explain=explain)
        waiting = state.get("waiting") or {}
        reason, said = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in _CONFIG:
            return Failing(explaining.not_started(name, said, reason), 0)
        if reason in {"ErrImagePull", "ImagePullBackOff"}:
            told = _pull_error(events) or said
            found = explaining.pull(f"v{rollout.deployment}", rollout.pull.registry, told)
            return Failing(found, 0 if FINAL.search(told) else PULL_PATIENCE)
        running = state.get("running")
        if running is not None and not container.get("ready"):
            lasted = (now - moment(running["startedAt"])).total_seconds()
            found = explaining.unhealthy(unit, name, diagnosis.outcome(unit, _probe_said(events)))
            return Failing(found, max(0.0, unit.probe.grace - lasted), pod_name, lasted=lasted)
    return None


@dataclass(frozen=True)
class _Given:
    memory_bytes: int
    user: int | None
    read_only: bool


def crashing(pod: Object) -> Callable[[Sequence[str]], Diagnosis] | None:
    """Give what explains a pod that its node starts again and again, once its last lines are known."""
    status: Object = next(iter((pod.get("status") or {}).get("containerStatuses") or []), {})
    ended, restarts = (status.get("lastState") or {}).get("terminated"), int(status.get("restartCount", 0))
    waits = ((status.get("state") or {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    if ended is None or restarts < RESTARTS or not waits:
        return None
    spec = pod["spec"]["containers"][0]
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory", "0")
    rules = (pod["spec"].get("securityContext") or {}) | (spec.get("securityContext") or {})
    given = _Given(int(quantity(limit) or 0), rules.get("runAsUser"), bool(rules.get("readOnlyRootFilesystem")))
    end = Ended(int(ended.get("exitCode", 0)), out_of_memory=ended.get("reason") == "OOMKilled")
    return partial(explaining.restarting, given, names.instance(pod)[0], end, restarts)


def _explained(rollout: Rollout, name: str, state: Object) -> Callable[[Sequence[str]], Diagnosis]:
    """Give what explains a container that ended, once its last lines are known; `state`: ContainerStateTerminated."""
    reason = str(state.get("reason", ""))
    if reason in {"StartError", "ContainerCannotRun"}:
        found = explaining.not_started(name, str(state.get("message", "")), reason)
        return lambda _: found
    end = Ended(int(state.get("exitCode", 0)), out_of_memory=reason == "OOMKilled")
    return partial(explaining.ended, rollout.unit, name, end)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _condition(pod: Object, kind: str) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")


def _about(event: Object, pod: Object) -> bool:
    return bool((event.get("involvedObject") or {}).get("uid") == pod["metadata"]["uid"])


def _pull_error(events: Sequence[Object]) -> str:
    """The registry's answer: the events of a pull that failed carry it, the pod's status only says that it waits."""
    said = [str(e.get("message", "")) for e in events if e.get("reason") == "Failed"]
    return next((text for text in reversed(said) if text.startswith("Failed to pull image")), "")


def _probe_said(events: Sequence[Object]) -> str:
    found = [e for e in events if e.get("reason") in {"Unhealthy", "ProbeWarning"}]
    found.sort(key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))
    return str(found[-1].get("message", "")) if found else ""
