"""Which network plugin the cluster has, and whether it enforces NetworkPolicies: without one, no app is kept apart.

The API has no place where that stands. It is told by the DaemonSets that plugins run as, by the API groups that they
serve, and by the name of the distribution in the nodes' version.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loco_server.check.cluster.asking import ADMINISTRATOR, Asker
from loco_server.check.finding import CannotLookError, Finding, missing, ok, unknown
from loco_server.engines.kubernetes.kinds import NODE, Kind

NAME = "network-policy"
_DAEMON_SETS = Kind("DaemonSet", "apps/v1", "daemonsets")
_INSTALL = "use a network plugin that enforces NetworkPolicies: Cilium, Calico, Antrea"
_ENFORCES = {
    "cilium": "Cilium",
    "anetd": "GKE Dataplane V2",
    "calico-node": "Calico",
    "canal": "Canal (Calico's policies)",
    "rke2-canal": "Canal (Calico's policies)",
    "antrea-agent": "Antrea",
    "kube-router": "kube-router",
    "weave-net": "Weave Net",
    "ovnkube-node": "OVN-Kubernetes",
    "kube-ovn-cni": "Kube-OVN",
    "azure-npm": "Azure's network policy manager",
    "kube-network-policies": "kube-network-policies",
}
"""Name of a DaemonSet → whose it is."""
_GROUPS = {
    "cilium.io": "Cilium",
    "crd.projectcalico.org": "Calico",
    "crd.antrea.io": "Antrea",
    "k8s.ovn.org": "OVN-Kubernetes",
    "kubeovn.io": "Kube-OVN",
}
_DOES_NOT = {
    "kube-flannel-ds": "Flannel",
    "kube-flannel": "Flannel",
    "azure-cni": "Azure CNI",
    "netd": "GKE without network policies",
}
_KINDNET_SINCE = 20240813
"""The date in the image of kindnet that came with kind 0.24, the first that enforces them."""


@dataclass(frozen=True)
class DaemonSet:
    name: str
    containers: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """(name, image, command and arguments) of each."""

    @classmethod
    def of(cls, found: dict[str, Any]) -> "DaemonSet":
        spec = found["spec"]["template"]["spec"]
        containers = tuple(
            (each["name"], each.get("image", ""), (*(each.get("command") or ()), *(each.get("args") or ())))
            for each in spec["containers"]
        )
        return cls(found["metadata"]["name"], containers)


@dataclass(frozen=True)
class Seen:
    daemon_sets: Sequence[DaemonSet] | None
    """None: they may not be looked at."""
    groups: frozenset[str] = frozenset()
    """API groups."""
    versions: frozenset[str] = field(default_factory=frozenset)
    """Of the nodes' kubelets."""


def judge(seen: Seen) -> Finding:
    found = [_plugin(each) for each in seen.daemon_sets or ()]
    good = [name for name, enforces in found if enforces]
    if good:
        return ok(NAME, f"{good[0]} enforces NetworkPolicies")
    if any("+k3s" in version for version in seen.versions):
        return ok(NAME, "k3s enforces NetworkPolicies itself, unless it was started with --disable-network-policy")
    bad = [name for name, enforces in found if enforces is False]
    if bad:
        return missing(NAME, f"{bad[0]} does not enforce NetworkPolicies: apps are not kept apart", _fix(bad[0]))
    if seen.daemon_sets is None:
        served = [name for group, name in _GROUPS.items() if group in seen.groups]
        told = f"{served[0]} seems to be there, by its API group" if served else "which one there is, is not to be seen"
        return unknown(NAME, told, ADMINISTRATOR)
    return unknown(
        NAME,
        "none of the network plugins that loco knows is there; a plain bridge would keep no app apart",
        f"see that yours enforces NetworkPolicies, or {_INSTALL}",
    )


def _plugin(found: DaemonSet) -> tuple[str, bool | None]:
    """Give whose it is and whether it enforces policies; None: it is something else, or not to be told."""
    arguments = " ".join(" ".join(words) for _, _, words in found.containers)
    if found.name == "kube-router" and "--run-firewall=false" in arguments:
        return "kube-router without its firewall", False
    if found.name in _ENFORCES:
        return _ENFORCES[found.name], True
    if found.name == "aws-node":
        agent = any("network-policy" in name or "nodeagent" in name for name, _, _ in found.containers)
        on = agent and "--enable-network-policy=true" in arguments
        return "the VPC CNI with its network policy agent" if on else _VPC_CNI, on
    if found.name == "kindnet":
        dates = [int(date) for _, image, _ in found.containers for date in re.findall(r":v(\d{8})-", image)]
        if not dates:
            return "kindnet", None
        return ("kindnet", True) if dates[0] >= _KINDNET_SINCE else ("kindnet of a kind before 0.24", False)
    return (_DOES_NOT[found.name], False) if found.name in _DOES_NOT else ("", None)


_VPC_CNI = "the VPC CNI without network policies"


def _fix(plugin: str) -> str:
    if plugin == _VPC_CNI:
        return 'set enableNetworkPolicy to "true" in the configuration of the add-on vpc-cni'
    return "upgrade kind to 0.24 or later, and make the cluster anew" if plugin.startswith("kindnet") else _INSTALL


async def look(asker: Asker) -> Finding:
    groups = await asker.ask("/apis")
    daemon_sets: tuple[DaemonSet, ...] | None
    try:
        daemon_sets = tuple(map(DaemonSet.of, await asker.list(_DAEMON_SETS)))
        nodes = await asker.list(NODE)
    except CannotLookError:
        daemon_sets, nodes = None, []
    return judge(
        Seen(
            daemon_sets,
            frozenset(each["name"] for each in groups.get("groups") or []),
            frozenset(each["status"]["nodeInfo"]["kubeletVersion"] for each in nodes),
        )
    )
