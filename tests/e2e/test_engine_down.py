"""The server's engine does not answer: what is said, what is done all the same, and what is left."""

from pathlib import Path

import docker
import pytest

from tests.e2e.stack import Stack, httpd
from tests.e2e.test_local import processes, running

pytestmark = [pytest.mark.engine, pytest.mark.sample("established")]

NOWHERE = "unix:///nowhere/docker.sock"


def refused(stack: Stack, *args: str) -> str:
    """Run `loco-server local …` without an engine; give what it said, which must be no defect's words."""
    found = stack.server(*args, check=False, DOCKER_HOST=NOWHERE)
    assert found.returncode == 1, found
    assert "/nowhere/docker.sock does not answer" in found.stderr
    assert "defect" not in found.stderr
    return found.stdout + found.stderr


@pytest.mark.parametrize("how", [(), ("--detach",)])
def test_a_start_without_an_engine_says_so_and_leaves_nothing_behind(own_stack: Stack, how: tuple[str, ...]) -> None:
    said = refused(own_stack, *how, *own_stack.ports)
    assert "next: docker info" in said
    assert processes(own_stack) == []


def test_stop_and_reset_without_the_engine_do_the_rest_and_can_be_finished_later(
    own_stack: Stack, docker_client: docker.DockerClient
) -> None:
    own_stack.start()
    own_stack.loco("login")
    own_stack.loco("deploy", cwd=httpd(own_stack))
    own_stack.kill()
    said = refused(own_stack, "stop")
    assert "containers are as they were" in said
    assert "next: start the engine, then: loco-server local stop" in said
    assert processes(own_stack) == []
    assert len(running(docker_client, own_stack)) == 1
    assert str(own_stack.data_dir) in refused(own_stack, "reset", "--yes")
    assert Path(own_stack.data_dir / "loco.db").exists()
    own_stack.server("reset", "--yes")
    assert running(docker_client, own_stack) == []
    assert not own_stack.data_dir.exists()


def test_stop_tells_of_apps_that_a_server_left_because_its_engine_was_away(
    own_stack: Stack, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    engine = tmp_path / "engine.sock"
    engine.symlink_to("/var/run/docker.sock")
    own_stack.environment["DOCKER_HOST"] = f"unix://{engine}"
    own_stack.start()
    own_stack.loco("login")
    own_stack.loco("deploy", cwd=httpd(own_stack))
    engine.unlink()
    found = own_stack.server("stop", check=False)
    assert (found.returncode, processes(own_stack)) == (1, [])
    assert "containers are as they were" in found.stderr
    engine.symlink_to("/var/run/docker.sock")
    own_stack.server("stop")
    assert running(docker_client, own_stack) == []
