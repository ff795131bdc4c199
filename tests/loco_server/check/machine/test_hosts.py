from pathlib import Path

import pytest

from loco_server.check.machine import hosts
from loco_server.check.machine.hosts import judge, local, own_addresses
from loco_server.check.machine.place import machine

pytestmark = pytest.mark.anyio

OWN = frozenset({"192.0.2.7", "2001:db8::7", "127.0.0.1"})
TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
"""


@pytest.mark.parametrize(
    ("resolved", "state", "said"),
    [
        ({"api.a.example": ("192.0.2.7",), "x.a.example": ("2001:db8::7", "192.0.2.9")}, "ok", "lead here"),
        ({"api.a.example": ("192.0.2.7",), "x.a.example": ()}, "warning", "not found in the DNS: x.a.example"),
        ({"api.a.example": ("198.51.100.1",)}, "warning", "api.a.example leads to 198.51.100.1, no address of this"),
    ],
)
def test_names_lead_to_this_machine(resolved: dict[str, tuple[str, ...]], state: str, said: str) -> None:
    found = judge(resolved, OWN, "a.example")
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


def test_addresses_of_the_machine_are_those_that_the_kernel_calls_local() -> None:
    assert local(TRIE) == {"192.0.2.7"}
    assert "127.0.0.1" in own_addresses()


async def test_names_that_nobody_has_are_a_warning_and_any_app_counts(tmp_path: Path) -> None:
    found = await hosts.look(machine(tmp_path, {}, domain="loco.invalid"))
    assert found.state == "warning"
    assert "api.loco.invalid, registry.loco.invalid, check-" in found.said
