"""What leads to the pods (Service, HTTPRoutes), and what minds their number (HPA, PDB)."""

from collections.abc import Sequence
from typing import Any

from loco_server.engines.base import AppRef, Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render.objects import made
from loco_server.units import Autoscale, Unit, UnitPort, UnitRoute

ENDLESS = "0s"
"""No timeout (Gateway API, HTTPRouteTimeouts): streams and long polls are requests too."""


def of_unit(cluster: Cluster, rollout: Rollout) -> tuple[dict[str, Any], ...]:
    """Give all that applies to the unit."""
    unit, app = rollout.unit, rollout.app
    found = [service(cluster, app, unit.ports)] if unit.ports else []
    ports = {port.name: port.port for port in unit.ports}
    found += [
        http_route(cluster, app, host, [route for route in unit.routes if route.host == host], ports)
        for host in sorted({route.host for route in unit.routes})
    ]
    if unit.autoscale is not None:
        found.append(_autoscaler(cluster, app, unit, unit.autoscale))
    if unit.replicas > 1:
        found.append(_disruption_budget(cluster, app))
    return tuple(found)


def service(cluster: Cluster, app: AppRef, ports: Sequence[UnitPort]) -> dict[str, Any]:
    """Named after the app: the team's other apps know it by that name. A pod says which number its port's name has."""
    listed = [_service_port(port) for port in ports]
    spec = {"type": "ClusterIP", "selector": names.selector(app), "ports": listed}
    return made(cluster, app, "v1", "Service", app.app, spec=spec)


def _service_port(port: UnitPort) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": names.service_port(port.port),
        "port": port.port,
        "targetPort": port.name,
        "protocol": "TCP",
    }
    if port.protocol in {"h2c", "grpc"}:
        found["appProtocol"] = "kubernetes.io/h2c"  # KEP-3726
    return found


def http_route(
    cluster: Cluster, app: AppRef, host: str, routes: Sequence[UnitRoute], ports: dict[str, int]
) -> dict[str, Any]:
    """Give one HTTPRoute for a host; a prefix matches whole segments (PathPrefix)."""
    spec = {
        "parentRefs": [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": cluster.gateway,
                "namespace": cluster.gateway_namespace,
            }
        ],
        "hostnames": [host],
        "rules": [_rule(app, route, ports[route.port]) for route in sorted(routes, key=lambda each: each.path)],
    }
    return made(cluster, app, "gateway.networking.k8s.io/v1", "HTTPRoute", host, spec=spec)


def _rule(app: AppRef, route: UnitRoute, port: int) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": route.path}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": app.app, "port": port, "weight": 1}],
        "timeouts": {"request": ENDLESS},
    }
    if route.strip_prefix and route.path != "/":
        path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": {"path": path}}]
    return rule


def _autoscaler(cluster: Cluster, app: AppRef, unit: Unit, autoscale: Autoscale) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": autoscale.cpu_percent}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.WORKLOAD},
        "minReplicas": unit.replicas,
        "maxReplicas": unit.most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return made(cluster, app, "autoscaling/v2", "HorizontalPodAutoscaler", names.WORKLOAD, spec=spec)


def _disruption_budget(cluster: Cluster, app: AppRef) -> dict[str, Any]:
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": names.selector(app)},
    }
    return made(cluster, app, "policy/v1", "PodDisruptionBudget", names.WORKLOAD, spec=spec)
