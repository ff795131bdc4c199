"""What runs: the Deployment of a service, and the Job of its release command."""

import math
from collections.abc import Sequence
from typing import Any

from loco_server.engines.base import Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render.fences import SERVICE_ACCOUNT, container_resources
from loco_server.engines.kubernetes.render.objects import made
from loco_server.units import Probe, Unit, UnitMetrics

LEAVE_SECONDS = 5
"""Between a pod's end in the endpoints and its SIGTERM: until every proxy has heard of it."""
RELEASE_LEAVE_SECONDS = 5
"""For which a release command that is ended may tidy up. It serves nobody: nothing is to be drained."""
SCRATCH_MIB = 256
REVISIONS = 3
ENDLESS = 86_400
"""Seconds for which a start is waited for. Readiness only: a slow start is never killed for being slow."""


def deployment(cluster: Cluster, rollout: Rollout, *, env_secret: str) -> dict[str, Any]:
    """Give the Deployment. The number of replicas is left to the autoscaler where there is one."""
    unit = rollout.unit
    marks = names.pod_labels(cluster.installation, rollout, "app")
    spec: dict[str, Any] = {
        "selector": {"matchLabels": names.selector(rollout.app)},
        "revisionHistoryLimit": REVISIONS,
        # Counted again from each step forward; the deadline of the whole is the server's.
        "progressDeadlineSeconds": max(60, math.ceil(rollout.timeout_seconds) + 60),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "template": {"metadata": {"labels": marks}, "spec": _pod(cluster, rollout, marks, env_secret)},
    }
    if unit.metrics is not None:
        spec["template"]["metadata"]["annotations"] = _scraped(unit.metrics)
    if unit.autoscale is None:
        spec["replicas"] = unit.replicas
    made_ = made(cluster, rollout.app, "apps/v1", "Deployment", names.WORKLOAD, spec=spec)
    made_["metadata"]["annotations"] = {
        names.DEPLOYMENT: str(rollout.deployment),
        names.ATTEMPT: str(rollout.attempt),
    }
    return made_


def release(
    cluster: Cluster, rollout: Rollout, command: tuple[str, ...], *, env_secret: str, timeout_seconds: float
) -> dict[str, Any]:
    """Give the Job of a release command: run once, and never a second time by itself."""
    marks = names.pod_labels(cluster.installation, rollout, "release")
    pod = _pod(cluster, rollout, marks, env_secret)
    container = pod["containers"][0]
    for key in ("ports", "readinessProbe", "startupProbe", "lifecycle"):
        container.pop(key, None)
    pod.pop("topologySpreadConstraints")
    container["args"] = _literal(command)
    pod["restartPolicy"] = "Never"
    pod["terminationGracePeriodSeconds"] = RELEASE_LEAVE_SECONDS
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": math.ceil(timeout_seconds),
        "template": {"metadata": {"labels": marks}, "spec": pod},
    }
    return made(cluster, rollout.app, "batch/v1", "Job", names.release_job(rollout.deployment), spec=spec)


def _pod(cluster: Cluster, rollout: Rollout, marks: dict[str, str], env_secret: str) -> dict[str, Any]:
    unit = rollout.unit
    pod: dict[str, Any] = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": [{"name": names.PULL_SECRET}],
        "terminationGracePeriodSeconds": LEAVE_SECONDS + math.ceil(unit.drain_seconds),
        "securityContext": _identity(unit) | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {key: marks[key] for key in (names.APP_ID, names.ROLE)}},
                "matchLabelKeys": ["pod-template-hash"],
            }
        ],
        "containers": [_container(unit, env_secret)],
    }
    if cluster.user_namespaces:
        pod["hostUsers"] = False
    if unit.read_only:
        pod["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": f"{SCRATCH_MIB}Mi"}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    return pod


def _identity(unit: Unit) -> dict[str, Any]:
    if unit.user is None:
        return {}
    return {"runAsUser": unit.user} | ({} if unit.group is None else {"runAsGroup": unit.group})


def _container(unit: Unit, env_secret: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": names.WORKLOAD,
        "image": unit.image,
        "imagePullPolicy": "IfNotPresent",
        "envFrom": [{"secretRef": {"name": env_secret}}],
        "ports": [{"name": port.name, "containerPort": port.port, "protocol": "TCP"} for port in unit.ports],
        "resources": container_resources(unit),
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": unit.read_only,
            "capabilities": {"drop": ["ALL"]},
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "startupProbe": _probe(unit.probe, every=1, failures=ENDLESS),
        "readinessProbe": _probe(unit.probe, every=unit.probe.interval, failures=unit.probe.failures),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if unit.command is not None:
        container["args"] = _literal(unit.command)
    return container


def _scraped(metrics: UnitMetrics) -> dict[str, str]:
    """By the names that Prometheus' own examples have: a PodMonitor, or a scrape configuration, reads them."""
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(metrics.port),
        "prometheus.io/path": metrics.path,
    }


def _literal(command: Sequence[str]) -> list[str]:
    """As it stands: Kubernetes would put values in for `$(NAME)`, and make one dollar of two."""
    return [part.replace("$", "$$") for part in command]


def _probe(probe: Probe, *, every: float, failures: int) -> dict[str, Any]:
    """Whole seconds: Kubernetes knows no others."""
    if probe.path is None:
        asks: dict[str, Any] = {"tcpSocket": {"port": probe.port}}
    else:
        asks = {"httpGet": {"port": probe.port, "path": probe.path}}
    return asks | {
        "periodSeconds": max(1, round(every)),
        "timeoutSeconds": max(1, math.ceil(probe.timeout)),
        "failureThreshold": failures,
    }
