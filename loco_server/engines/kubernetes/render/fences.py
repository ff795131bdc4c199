"""The namespace of an app, and what holds it in: Pod Security, quota, limits, network policies, no API token."""

from collections.abc import Iterable
from typing import Any

from loco_server.engines.base import AppRef, Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import PRIVATE, Cluster
from loco_server.engines.kubernetes.render.objects import made
from loco_server.units import Unit

EPHEMERAL_MIB = 1024
"""What one container may write to its own file system."""
SERVICE_ACCOUNT = "app"
POD_SECURITY_VERSION = "v1.33"
"""The oldest Kubernetes that loco runs on: a newer one is to mean the same by `restricted`."""


def namespace(cluster: Cluster, app: AppRef, hosts: Iterable[str]) -> dict[str, Any]:
    """Give the namespace. Its labels never change; admission policies read them, and the hosts."""
    marks = names.labels(cluster.installation, app) | {names.GATEWAY: "true"}
    for mode in ("enforce", "audit", "warn"):
        marks[f"pod-security.kubernetes.io/{mode}"] = "restricted"
        marks[f"pod-security.kubernetes.io/{mode}-version"] = POD_SECURITY_VERSION
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.namespace(app),
            "labels": marks,
            "annotations": {names.HOSTS: ",".join(sorted(set(hosts)))},
        },
    }


def of_app(cluster: Cluster, app: AppRef) -> tuple[dict[str, Any], ...]:
    """What stands before anything of the app runs: the account without rights, and the walls."""
    account = made(cluster, app, "v1", "ServiceAccount", SERVICE_ACCOUNT, automountServiceAccountToken=False)
    return (account, _isolated(cluster, app), _egress(cluster, app))


def of_unit(cluster: Cluster, rollout: Rollout) -> tuple[dict[str, Any], ...]:
    """All of them, for what the unit needs."""
    return (
        *of_app(cluster, rollout.app),
        _ingress(cluster, rollout),
        _quota(cluster, rollout),
        _limits(cluster, rollout),
    )


def _policy(cluster: Cluster, app: AppRef, name: str, **spec: Any) -> dict[str, Any]:
    return made(cluster, app, "networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)


def _isolated(cluster: Cluster, app: AppRef) -> dict[str, Any]:
    return _policy(cluster, app, "isolated", podSelector={}, policyTypes=["Ingress", "Egress"])


def _ingress(cluster: Cluster, rollout: Rollout) -> dict[str, Any]:
    unit, app = rollout.unit, rollout.app
    led = {route.port for route in unit.routes}
    rules = [
        _from(cluster.proxy_namespace, [port.port for port in unit.ports if port.name in led]),
        {
            "from": [{"namespaceSelector": {"matchLabels": {names.TEAM_ID: app.team_id}}}],
            "ports": [_port(port.port) for port in unit.ports],
        },
    ]
    if unit.metrics is not None:
        rules.append(_from(cluster.monitoring_namespace, [unit.metrics.port]))
    serving = {"matchLabels": names.selector(app)}
    ingress = [rule for rule in rules if rule["ports"]]
    return _policy(cluster, app, "ingress", podSelector=serving, policyTypes=["Ingress"], ingress=ingress)


def _egress(cluster: Cluster, app: AppRef) -> dict[str, Any]:
    dns = {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            },
            *({"ipBlock": {"cidr": each}} for each in cluster.dns),
        ],
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    }
    team = {"to": [{"namespaceSelector": {"matchLabels": {names.TEAM_ID: app.team_id}}}]}
    # By IPv4 alone: pods, services and nodes may have public IPv6 addresses, and nobody names their ranges.
    outside = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": sorted({*PRIVATE, *cluster.blocked})}}]}
    return _policy(cluster, app, "egress", podSelector={}, policyTypes=["Egress"], egress=[dns, team, outside])


def _from(namespace: str, ports: Iterable[int]) -> dict[str, Any]:
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {"from": [where], "ports": [_port(port) for port in sorted(set(ports))]}


def _port(number: int) -> dict[str, Any]:
    return {"port": number, "protocol": "TCP"}


def _quota(cluster: Cluster, rollout: Rollout) -> dict[str, Any]:
    """Twice what can run, for a roll needs both, and one release command."""
    unit = rollout.unit
    pods = 2 * unit.most + 1
    whole = {
        "cpu": f"{unit.cpu_millis * pods}m",
        "memory": str(unit.memory_bytes * pods),
        "ephemeral-storage": f"{EPHEMERAL_MIB * pods}Mi",
    }
    hard = {f"{kind}.{what}": amount for kind in ("limits", "requests") for what, amount in whole.items()}
    hard |= {"pods": str(pods), "persistentvolumeclaims": "0", "services.loadbalancers": "0", "services.nodeports": "0"}
    return made(cluster, rollout.app, "v1", "ResourceQuota", "app", spec={"hard": hard})


def _limits(cluster: Cluster, rollout: Rollout) -> dict[str, Any]:
    each = container_resources(rollout.unit)["limits"]
    limits = [{"type": "Container", "default": each, "defaultRequest": each}]
    return made(cluster, rollout.app, "v1", "LimitRange", "app", spec={"limits": limits})


def container_resources(unit: Unit) -> dict[str, Any]:
    """Requested is what is allowed: the autoscaler's percent are then those of loco.toml's `cpu`."""
    each = {
        "cpu": f"{unit.cpu_millis}m",
        "memory": str(unit.memory_bytes),
        "ephemeral-storage": f"{EPHEMERAL_MIB}Mi",
    }
    return {"requests": dict(each), "limits": dict(each)}
