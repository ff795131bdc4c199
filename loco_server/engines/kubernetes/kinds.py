"""The kinds of objects that loco works with, and where the API keeps them.

A table instead of discovery: what is not in it, the server has no right to, and never asks for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    kind: str
    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Give the URL path of all objects, of a namespace's, or of one."""
        base = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace is not None else ""
        return f"{base}{within}/{self.plural}" + (f"/{name}" if name is not None else "")


NAMESPACE = Kind("Namespace", "v1", "namespaces", namespaced=False)
SERVICE_ACCOUNT = Kind("ServiceAccount", "v1", "serviceaccounts")
QUOTA = Kind("ResourceQuota", "v1", "resourcequotas")
LIMITS = Kind("LimitRange", "v1", "limitranges")
SECRET = Kind("Secret", "v1", "secrets")
SERVICE = Kind("Service", "v1", "services")
POD = Kind("Pod", "v1", "pods")
NODE = Kind("Node", "v1", "nodes", namespaced=False)
EVENT = Kind("Event", "v1", "events")
NETWORK_POLICY = Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies")
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
REPLICA_SET = Kind("ReplicaSet", "apps/v1", "replicasets")
JOB = Kind("Job", "batch/v1", "jobs")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
HTTP_ROUTE = Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes")
POD_METRICS = Kind("PodMetrics", "metrics.k8s.io/v1beta1", "pods")

KEPT_TRUE = (
    NAMESPACE,
    SERVICE_ACCOUNT,
    NETWORK_POLICY,
    QUOTA,
    LIMITS,
    DEPLOYMENT,
    SERVICE,
    HTTP_ROUTE,
    AUTOSCALER,
    DISRUPTION_BUDGET,
)
"""Kinds that are rendered and compared. Secrets are rendered too, and never read."""
PRUNED = (DISRUPTION_BUDGET, AUTOSCALER, HTTP_ROUTE, SERVICE, JOB)
"""Kinds of which a later deployment may have fewer."""

_ALL = {kind.kind: kind for kind in (*KEPT_TRUE, SECRET, POD, EVENT, REPLICA_SET, JOB, POD_METRICS)}


def of(manifest: Mapping[str, Any]) -> Kind:
    """Give the kind of a manifest."""
    return _ALL[manifest["kind"]]
