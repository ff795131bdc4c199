"""How a container engine is judged, and asked."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from loco_server.check.machine import engine
from loco_server.check.machine.engine import Engine, judge
from loco_server.check.machine.place import machine
from loco_server.settings import Settings

pytestmark = pytest.mark.anyio

INFO = {
    "ServerVersion": "20.10.24+dfsg1",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "OSType": "linux",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "SwapLimit": False,
    "Driver": "overlay2",
    "CgroupVersion": "2",
}
DOCKER = {"Components": [{"Name": "Engine"}]}
PODMAN = {"Components": [{"Name": "Podman Engine"}]}


def of(version: dict[str, Any] = DOCKER, **info: Any) -> Engine:
    return Engine("unix:///x.sock", info=INFO | info, version=version)


@pytest.mark.parametrize(
    ("engine", "state", "said"),
    [
        (of(), "ok", "Docker 20.10.24+dfsg1, rootful, cgroup v2, overlay2"),
        (of(PODMAN, ServerVersion="4.3.1"), "ok", "Podman 4.3.1, rootful"),
        (of(ServerVersion="19.03.8"), "warning", "tried with 20.10 and later"),
        (of(ServerVersion="28.2.2"), "ok", "Docker 28.2.2"),
        (of(Driver="vfs"), "warning", "every layer is copied whole"),
        (of(SecurityOptions=["name=rootless"]), "missing", "is rootless"),
        (of(OperatingSystem="Docker Desktop"), "missing", "cannot be dialled"),
        (of(OSType="windows"), "missing", "cannot be dialled"),
        (of(MemoryLimit=False, PidsLimit=False), "missing", "cannot limit memory, processes"),
        (of(CpuCfsQuota=False), "missing", "cannot limit processor time"),
        (Engine("unix:///x.sock", fault="refused"), "missing", "unix:///x.sock does not answer: refused"),
    ],
)
def test_which_engines_will_do(engine: Engine, state: str, said: str) -> None:
    found = judge(engine)
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")


@pytest.mark.engine
async def test_the_engine_of_this_machine_is_told_with_its_version(tmp_path: Path) -> None:
    found = await engine.look(machine(tmp_path, dict(os.environ), domain=None))
    assert found.state == "ok", found
    assert "rootful, cgroup v" in found.said


async def test_a_socket_where_nobody_answers_is_missing(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    found = await engine.look(machine(tmp_path, {"DOCKER_HOST": url}, domain=None))
    assert found.state == "missing"
    assert url in found.said


async def test_what_is_no_engine_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        # Bound, and never listened on: what a killed engine leaves.
        found = await engine.look(machine(tmp_path, {"DOCKER_HOST": f"unix://{path}"}, domain=None))
    assert found.state == "missing"
    assert Settings(data_dir=tmp_path).engine_url not in found.said
