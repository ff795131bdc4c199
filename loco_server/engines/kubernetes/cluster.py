"""What the operator's cluster looks like: what manifests need to know of it, as one frozen value."""

from dataclasses import dataclass

PRIVATE = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""Private and link-local ranges (RFC 1918, RFC 6598, RFC 3927), multicast and reserved ones (RFC 5771, RFC 1112): the
metadata services of clouds among them, and the one that Azure has at a public address (WireServer)."""


@dataclass(frozen=True)
class Cluster:
    installation: str
    """Whose objects they are, where two servers share a cluster."""
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
