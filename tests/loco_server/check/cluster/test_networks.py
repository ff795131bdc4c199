from typing import Any

import pytest

from loco_server.check.cluster.networks import judge, own_networks


def node(*addresses: str, pods: tuple[str, ...] = ("10.244.0.0/24",), kind: str = "InternalIP") -> dict[str, Any]:
    told = [{"type": kind, "address": address} for address in addresses]
    return {"spec": {"podCIDRs": list(pods)}, "status": {"addresses": [*told, {"type": "Hostname", "address": "vm"}]}}


def service(*addresses: str) -> dict[str, Any]:
    return {"spec": {"clusterIPs": list(addresses)}}


PRIVATE = node("10.0.0.4", "fd00::4"), service("10.96.0.1", "fd00:1::1")


@pytest.mark.parametrize(
    ("nodes", "services", "blocked", "state", "said"),
    [
        ([PRIVATE[0]], [PRIVATE[1]], "", "ok", "no app may reach an address of the cluster's own"),
        ([], [], "", "ok", "no app may reach"),
        ([node("192.0.2.2")], [PRIVATE[1]], "", "missing", "(nodes: 192.0.2.2/32)"),
        ([node("192.0.2.2")], [PRIVATE[1]], "192.0.2.0/24", "ok", "no app may reach"),
        ([node("192.0.2.2"), node("198.51.100.7")], [], "192.0.2.0/28, ", "missing", "(nodes: 198.51.100.7/32)"),
        ([node("203.0.113.9", kind="ExternalIP")], [], "", "ok", "no app may reach"),
        ([node("10.0.0.4", pods=("11.0.0.0/24", "2001:db8::/64"))], [], "", "missing", "(pods: 11.0.0.0/24)"),
        ([{"spec": {}}], [service("20.0.0.1"), service("None")], "", "missing", "(services: 20.0.0.1/32)"),
        ([node(*(f"192.0.2.{n}" for n in range(1, 8)))], [], "", "missing", "192.0.2.4/32 and 3 more"),
        ([node("192.0.2.2")], [], "192.0.2.2/24", "missing", "LOCO_BLOCKED_NETWORKS is no list of IPv4 networks"),
    ],
)
def test_addresses_of_the_cluster_that_are_not_private_are_blocked_by_the_operator(
    nodes: list[dict[str, Any]], services: list[dict[str, Any]], blocked: str, state: str, said: str
) -> None:
    found = judge(own_networks(nodes, services), blocked)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")
