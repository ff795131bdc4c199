"""What the engine `kubernetes` must be told of the operator's cluster."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """What manifests need to know of the cluster."""

    gateway: str = "loco"
    gateway_namespace: str = "loco-system"
    """Where the Gateway stands that HTTPRoutes name as their parent."""
    proxy_namespace: str = "envoy-gateway-system"
    """Where the proxies run that requests come from."""
    monitoring_namespace: str = "monitoring"
    blocked: tuple[str, ...] = ()
    """More IPv4 ranges that no app may reach: pods, services and nodes, where they are not private ones."""
    dns: tuple[str, ...] = ()
    """IPv4 ranges where apps may ask for names, besides the cluster's DNS in kube-system: a cache on the nodes."""
    user_namespaces: bool = False
    """Whether nodes can run pods in user namespaces of their own (`hostUsers: false`; Kubernetes 1.36, Linux 6.3)."""


@dataclass(frozen=True, kw_only=True)
class Kubernetes(ClusterSettings):
    """The operator's cluster, for the engine `kubernetes`."""

    kubeconfig: str | None = None
    """None: the server is a pod of the cluster."""
