from ipaddress import IPv4Network

from loco_server.engines.docker.networks import free_address, free_subnets, host_routes

ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0
eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
tun0 0000D50A 00000000 0001 0 0 0 00FEFFFF 0 0 0
"""


def test_routes_are_read_without_the_default_one() -> None:
    assert host_routes(ROUTES) == (IPv4Network("192.0.2.0/24"), IPv4Network("10.213.0.0/23"))


def test_free_subnets_pass_over_what_overlaps() -> None:
    taken = [IPv4Network("10.213.0.0/23"), IPv4Network("10.213.3.128/25")]
    free = free_subnets(IPv4Network("10.213.0.0/21"), taken)
    assert [str(subnet) for subnet in free] == [f"10.213.{n}.0/24" for n in (2, 4, 5, 6, 7)]


def test_a_pool_smaller_than_a_subnet_is_one_subnet() -> None:
    assert list(free_subnets(IPv4Network("10.0.0.0/28"), [])) == [IPv4Network("10.0.0.0/28")]


def test_addresses_go_round_so_that_none_is_reused_at_once() -> None:
    subnet = IPv4Network("10.0.0.0/29")
    assert free_address(subnet, [], None) == "10.0.0.2", "the first is the bridge's"
    assert free_address(subnet, [], "10.0.0.4") == "10.0.0.5"
    assert free_address(subnet, ["10.0.0.2"], "10.0.0.6") == "10.0.0.3"
    assert free_address(subnet, [f"10.0.0.{n}" for n in range(2, 7)], None) is None
