"""Whether apps could reach the cluster's own addresses: those of its nodes, pods and services that are not private.

What an app may reach outside is everything but the private ranges; public addresses of a cluster are in none of them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, ip_address, ip_network

from loco_server.check.cluster.asking import SYSTEM, Asker
from loco_server.check.cluster.place import Place
from loco_server.check.finding import CannotLookError, Finding, missing, ok
from loco_server.engines.kubernetes.api import Object
from loco_server.engines.kubernetes.cluster import PRIVATE
from loco_server.engines.kubernetes.kinds import NODE, SERVICE
from loco_server.reading import listed

NAME = "own-networks"
VARIABLE = "LOCO_BLOCKED_NETWORKS"
_SHOWN = 4
_FIX = (
    f"set {VARIABLE} to their ranges, with a comma between: kubectl edit configmap loco-server -n {SYSTEM}, or in your "
    "overlay; then restart the server"
)


def judge(own: Mapping[str, Collection[IPv4Network]], blocked: str) -> Finding:
    """`own`: whose they are → networks; `blocked`: as the variable has it."""
    try:
        closed = tuple(map(IPv4Network, (*PRIVATE, *listed(blocked))))
    except ValueError as e:
        return missing(NAME, f"{VARIABLE} is no list of IPv4 networks: {e}", _FIX)
    open_ = {whose: [each for each in found if not any(map(each.subnet_of, closed))] for whose, found in own.items()}
    if not any(open_.values()):
        return ok(NAME, "no app may reach an address of the cluster's own")
    told = "; ".join(f"{whose}: {_list(found)}" for whose, found in open_.items() if found)
    return missing(
        NAME,
        f"apps may reach addresses of the cluster's own, which are not private ({told})",
        _FIX,
    )


def _list(found: Sequence[IPv4Network]) -> str:
    shown = ", ".join(map(str, sorted(found)[:_SHOWN]))
    return shown if len(found) <= _SHOWN else f"{shown} and {len(found) - _SHOWN} more"


def own_networks(nodes: Sequence[Object], services: Sequence[Object]) -> dict[str, set[IPv4Network]]:
    """Give whose they are → networks, by IPv4 alone: by IPv6 no app reaches anything outside."""
    internal = (
        str(each["address"])
        for node in nodes
        for each in (node.get("status") or {}).get("addresses") or ()
        if each["type"] == "InternalIP"
    )
    pods = (str(each) for node in nodes for each in node["spec"].get("podCIDRs") or ())
    own = (str(each) for service in services for each in service["spec"].get("clusterIPs") or () if each != "None")
    return {"nodes": set(_ipv4(internal)), "pods": set(_ipv4(pods)), "services": set(_ipv4(own))}


def _ipv4(found: Iterator[str]) -> Iterator[IPv4Network]:
    for each in found:
        network = ip_network(each) if "/" in each else ip_network(ip_address(each))
        if isinstance(network, IPv4Network):
            yield network


async def look(asker: Asker, settings: Place) -> Finding:
    if not settings.known:
        raise CannotLookError(settings.why, settings.fix)
    services = await asker.get(SERVICE, "default", "kubernetes")
    own = own_networks(await asker.list(NODE), [] if services is None else [services])
    return judge(own, settings.settings.get(VARIABLE, ""))
