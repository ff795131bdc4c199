"""scripts/quickstart as a newcomer runs it, with an engine that is there already."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
SCRIPT = "scripts/quickstart"


@pytest.fixture
def clone(tmp_path: Path, docker_client: object) -> Iterator[Path]:
    """What the script needs of a clone, with the virtual environment that runs the tests."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("scripts", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copy(ROOT / "pyproject.toml", folder / ".venv/.loco-server")  # installed already, with more
    yield folder
    run(folder, "--down")


def run(folder: Path, *args: str) -> str:
    done = subprocess.run([SCRIPT, *args], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_ends_with_a_url_that_answers_the_log_and_three_commands(clone: Path) -> None:
    said = run(clone).splitlines()
    assert [line.split()[:2] for line in said[-3:]] == [["loco", "logs"], ["loco", "status"], ["loco", "redeploy"]]
    assert any("url:/" in line for line in said[-7:-4])
    assert any(line.endswith("http://hello.localhost:7080/") for line in said)
    assert httpx.get("http://127.0.0.1:7080/", headers={"Host": "hello.localhost"}).status_code == 200

    assert "nothing changed" in run(clone)

    config = Path.home() / "xdg_config_home/loco/config.toml"
    assert config.is_file()
    run(clone, "--down")
    assert not (clone / ".quickstart").exists()
    assert not config.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://127.0.0.1:7080/")


def test_a_taken_port_is_told_and_nothing_is_left(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 7080)):
        done = subprocess.run([SCRIPT], cwd=clone, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "7080" in done.stderr
    assert "next:" in done.stderr
