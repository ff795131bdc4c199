"""The rules as text: what is wanted, and whether it is there."""

from ipaddress import IPv4Address

import pytest

from loco_server.engines.docker import fence

RULES = fence.rules([IPv4Address("10.0.0.53")])


def saved(rules: str = RULES, *, jumps: bool = True) -> str:
    """What `iptables-save` prints when the rules are in place."""
    chains = [line for line in rules.splitlines() if line.startswith("-A ")]
    mine = [f"-A {source} {way} loco-+ -j {target}" for source, way, target in fence.JUMPS] if jumps else []
    return "\n".join(["*filter", ":INPUT ACCEPT [0:0]", *mine, "-A FORWARD -j DOCKER-USER", *chains, "COMMIT", ""])


def test_the_private_resolver_is_open_on_port_53_alone() -> None:
    opened = [line for line in RULES.splitlines() if "10.0.0.53" in line]
    assert all(line.endswith("--dport 53 -j RETURN") for line in opened)
    assert len(opened) == 4


def test_every_closed_network_is_refused_after_what_is_allowed() -> None:
    forward = [line for line in RULES.splitlines() if line.startswith("-A LOCO-FORWARD")]
    first_refusal = next(at for at, line in enumerate(forward) if "REJECT" in line)
    assert all("REJECT" in line for line in forward[first_refusal:-1])
    for network in ("10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"):
        assert any(f"-d {network} " in line for line in forward[first_refusal:])


def test_to_the_host_all_is_refused_at_the_end() -> None:
    assert "-A LOCO-INPUT -j REJECT --reject-with icmp-port-unreachable" in RULES


def test_what_was_set_is_seen_to_be_in_place() -> None:
    assert fence.in_place(saved(), RULES)


@pytest.mark.parametrize(
    "broken",
    [
        saved(jumps=False),
        saved(fence.rules([])),
        saved().replace("-A LOCO-INPUT -j REJECT --reject-with icmp-port-unreachable\n", ""),
        "*filter\nCOMMIT\n",
    ],
    ids=["no jumps", "other rules", "a rule is gone", "nothing"],
)
def test_what_is_not_whole_is_not_in_place(broken: str) -> None:
    assert not fence.in_place(broken, RULES)


def test_only_missing_jumps_are_set() -> None:
    text = saved().replace("-A INPUT -i loco-+ -j LOCO-INPUT\n", "")
    assert fence.jumps(text) == (("INPUT", "-i", "LOCO-INPUT"),)


def test_resolvers_are_read_from_both_files_without_loopback_and_twice() -> None:
    stub = "# a comment\nnameserver 127.0.0.53\noptions edns0\n"
    real = "nameserver 10.0.0.53\nnameserver fd00::53\nnameserver 10.0.0.53\nnameserver nonsense\n"
    assert fence.resolvers([stub, real]) == (IPv4Address("10.0.0.53"),)
