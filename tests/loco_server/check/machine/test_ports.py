import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from loco_server.check.machine import ports
from loco_server.check.machine.place import machine
from loco_server.check.machine.ports import Port, judge, wanted
from loco_server.edge import config
from loco_server.edge.files import EnvoyEdge
from loco_server.local import envoy
from loco_server.settings import Ports, Public, Settings

pytestmark = pytest.mark.anyio

OURS = frozenset({7, 8})


def port(number: int, **state: str) -> Port:
    return Port("192.0.2.7", number, "--https-port", **state)


@pytest.mark.parametrize(
    ("ports", "ours", "state", "said"),
    [
        ([port(443), port(80)], frozenset[int](), "ok", "443, 80: free"),
        ([port(443, listener="envoy (pid 7)"), port(80)], OURS, "ok", "443: ours; 80: free"),
        ([port(443, listener="nginx (pid 9)")], OURS, "missing", "443 is taken by nginx (pid 9)"),
        ([port(443, fault="port 443: Permission denied")], frozenset[int](), "missing", "Permission denied"),
        ([port(443, fault="port 443 of 192.0.2.7 is taken")], OURS, "unknown", "by whom this user cannot see"),
    ],
)
def test_ports_are_ours_or_free(ports: list[Port], ours: frozenset[int], state: str, said: str) -> None:
    found = judge(ports, ours)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


def bootstrap(settings: Settings) -> dict[str, Any]:
    edge = EnvoyEdge(settings.data_dir / "edge", admin_socket=settings.envoy_socket)
    return config.bootstrap(envoy.layout(settings, edge))


def test_the_ports_are_those_that_envoy_was_told(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, ports=Ports(api=1, edge=2, registry=3))
    found = wanted(bootstrap(settings), api=1, public=False)
    assert {each.flag: each.port for each in found} == {"--api-port": 1, "--edge-port": 2, "--registry-port": 3}
    public = Public(tmp_path / "c", tmp_path / "k", "127.0.0.2", https_port=4, http_port=5)
    settings = Settings(data_dir=tmp_path, domain="a.example", public=public)
    found = wanted(bootstrap(settings), api=6, public=True)
    assert {each.flag: (each.address, each.port) for each in found} == {
        "--api-port": ("127.0.0.1", 6),
        "--https-port": ("127.0.0.2", 4),
        "--http-port": ("127.0.0.2", 5),
        "--registry-port": ("127.0.0.1", 7050),
    }


def test_before_the_first_start_they_are_the_default_ones() -> None:
    assert {each.port for each in wanted(None, api=7070, public=False)} == {7070, 7080, 7050}
    assert {each.port for each in wanted(None, api=7070, public=True)} == {7070, 443, 80, 7050}


async def test_whoever_has_a_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        number = foreign.getsockname()[1]
        settings = Settings(data_dir=tmp_path, ports=Ports(edge=number))
        (tmp_path / "edge").mkdir()
        (tmp_path / "edge" / "bootstrap.json").write_text(json.dumps(bootstrap(settings)))
        found = await ports.look(machine(tmp_path, {}, domain=None))
    assert found.state == "missing"
    assert f"{number} is taken by " in found.said
    assert f"(pid {os.getpid()})" in found.said
    assert "--edge-port" in found.fix
