"""What the operator's cluster looks like: what manifests need to know of it, as one frozen value."""

from dataclasses import dataclass, fields

from loco_server.kubernetes_settings import ClusterSettings

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


@dataclass(frozen=True, kw_only=True)
class Cluster(ClusterSettings):
    installation: str
    """Whose objects they are, where two servers share a cluster."""

    @classmethod
    def of(cls, installation: str, settings: ClusterSettings) -> "Cluster":
        shared = {each.name: getattr(settings, each.name) for each in fields(ClusterSettings)}
        return cls(installation=installation, **shared)
