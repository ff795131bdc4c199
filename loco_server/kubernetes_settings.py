"""What the engine `kubernetes` must be told of the operator's cluster."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kubernetes:
    """The operator's cluster, for the engine `kubernetes`."""

    kubeconfig: str | None = None
    """None: the server is a pod of the cluster."""
    gateway: str = "loco"
    gateway_namespace: str = "loco-system"
    """Where the Gateway stands that routes name as their parent."""
    proxy_namespace: str = "envoy-gateway-system"
    """Where the proxies run that requests come from."""
    monitoring_namespace: str = "monitoring"
    blocked: tuple[str, ...] = ()
    """More IPv4 ranges that no app may reach: pods, services and nodes, where they are not private ones."""
    dns: tuple[str, ...] = ()
    """IPv4 ranges where apps may ask for names, besides the cluster's DNS in kube-system: a cache on the nodes."""
    user_namespaces: bool = False
    """Whether the nodes can run pods in user namespaces of their own."""
