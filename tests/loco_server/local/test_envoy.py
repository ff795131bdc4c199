import os
import shutil
import socket
import sysconfig
from pathlib import Path

import pytest

from loco_server.local import envoy
from loco_server.local.processes import recorded
from loco_spec.errors import Conflict, UsageError
from tests.loco_server.edge.real import RealEdge


def test_envoy_comes_with_the_wheel() -> None:
    assert os.access(envoy.binary(), os.X_OK)


def test_without_the_wheel_it_is_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy, "find_spec", lambda _: None)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/bin/{name}")
    assert envoy.binary() == Path("/opt/bin/envoy")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="Envoy is not installed"):
        envoy.binary()


@pytest.mark.anyio
@pytest.mark.edge
async def test_a_taken_port_is_a_clear_error_and_nothing_is_started(tmp_path: Path) -> None:
    edge = RealEdge(tmp_path)
    for port, flag in ((edge.settings.ports.edge, "--edge-port"), (edge.settings.ports.registry, "--registry-port")):
        with socket.create_server(("127.0.0.1", port)), pytest.raises(Conflict, match=f"port {port} ") as error:
            await edge.process.start()
        assert flag in error.value.hint
        assert recorded(edge.settings.run_dir, "envoy") is None
    await edge.close()


@pytest.mark.anyio
@pytest.mark.edge
async def test_two_installations_run_side_by_side(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    edges = [RealEdge(tmp_path / name) for name in ("a", "b")]
    for edge in edges:
        await edge.process.start()
    assert [edge.get("nobody.localhost")[0] for edge in edges] == [404, 404]
    for edge in edges:
        await edge.close()
