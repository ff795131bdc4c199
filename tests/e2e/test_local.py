"""`loco-server local` as the operator sees it: started, killed, restarted, stopped, reset."""

import os
import pwd
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import docker
import httpx
import pytest

from tests.e2e.stack import QUICK, Clock, Stack, httpd
from tests.waiting import eventually

pytestmark = pytest.mark.engine

HELLO = f"/v1/teams/{pwd.getpwuid(os.geteuid()).pw_name}/apps/hello"


def processes(stack: Stack, *, program: str = "") -> list[int]:
    """Give the pids of all processes that name the stack's data folder in their command line, or one program's."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(stack.data_dir) in word for word in argv) and argv[0].endswith(program):
            found.append(int(path.parent.name))
    return found


def running(client: docker.DockerClient, stack: Stack) -> list[str]:
    """Give the names of the running containers whose image came from the stack's registry."""
    return [
        container.name
        for container in client.containers.list(ignore_removed=True)
        if container.attrs["Config"]["Image"].startswith(f"127.0.0.1:{stack.registry}/")
    ]


@pytest.fixture
def started(own_stack: Stack) -> Stack:
    own_stack.start()
    own_stack.loco("login")
    return own_stack


class Asking:
    """Asks an app all the time, or every so many seconds, and keeps what it got."""

    def __init__(self, stack: Stack, host: str, *, every: float = 0.0) -> None:
        self.answers: list[int | str] = []
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(stack, host), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self, stack: Stack, host: str) -> None:
        while not self._stop.wait(self._every):
            try:
                self.answers.append(stack.get(host).status_code)
            except httpx.HTTPError as e:
                self.answers.append(repr(e))


def test_everything_listens_on_loopback_alone(started: Stack) -> None:
    pids = set(processes(started)) | {started.process.pid if started.process else 0}
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    mine = [line.split()[3] for line in listening.splitlines() if any(f"pid={pid}," in line for pid in pids)]
    assert len(mine) >= 3
    assert all(address.startswith("127.0.0.1:") for address in mine), mine


def test_a_second_start_on_one_folder_is_refused_by_name(started: Stack) -> None:
    second = started.server("--api-port", "1", check=False)
    assert second.returncode != 0
    assert str(started.data_dir) in second.stderr
    assert started.answers()


@pytest.mark.parametrize("port", ["api", "edge", "registry"])
def test_a_port_that_is_taken_is_named_with_the_option_that_changes_it(own_stack: Stack, port: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(own_stack, port))):
        found = own_stack.server(*own_stack.ports, check=False)
    assert found.returncode != 0
    assert str(getattr(own_stack, port)) in found.stderr
    assert f"--{port}-port" in found.stderr
    assert "Traceback" not in found.stderr
    assert processes(own_stack) == []


def test_sigterm_leaves_no_process_and_the_next_start_brings_the_apps_back(
    started: Stack, docker_client: docker.DockerClient
) -> None:
    folder = httpd(started)
    started.loco("deploy", cwd=folder)
    started.stop()
    assert processes(started) == []
    assert running(docker_client, started) == []
    started.start()
    eventually(lambda: started.get("hello").status_code == 200)


def test_stop_works_when_the_server_is_already_dead(started: Stack, docker_client: docker.DockerClient) -> None:
    started.loco("deploy", cwd=httpd(started))
    started.kill()
    assert processes(started) != []
    started.server("stop")
    assert processes(started) == []
    assert running(docker_client, started) == []


def test_apps_answer_while_the_server_is_dead_and_the_next_one_adopts_what_runs(started: Stack) -> None:
    started.loco("deploy", cwd=httpd(started))
    envoy = processes(started, program="/envoy")
    with Asking(started, "hello") as asking:
        started.kill()
        started.start()
        assert started.json("status", "--app", "hello")["live"]["number"] == 1
    assert set(asking.answers) == {200}
    assert processes(started, program="/envoy") == envoy


@pytest.mark.parametrize("which", ["envoy", "registry"])
def test_a_killed_child_is_back_within_two_seconds_and_it_is_said(started: Stack, which: str) -> None:
    folder = httpd(started)
    started.loco("deploy", cwd=folder)
    [pid] = processes(started, program=which)
    os.kill(pid, signal.SIGKILL)
    clock = Clock()
    eventually(lambda: [now for now in processes(started, program=which) if now != pid], within=5)
    assert clock.seconds < 2
    eventually(lambda: f"{which} was killed by SIGKILL" in started.output(), within=5)
    (folder / "www/index.html").write_text("after")
    eventually(lambda: started.loco("deploy", cwd=folder, exit_code=None).returncode == 0, within=20)
    assert started.get("hello").text == "after"


def test_detach_status_stop_and_reset(own_stack: Stack, docker_client: docker.DockerClient) -> None:
    own_stack.server("--detach", *own_stack.ports)
    eventually(own_stack.answers)
    own_stack.loco("login")
    own_stack.loco("deploy", cwd=httpd(own_stack))
    assert own_stack.url in own_stack.server("status").stdout
    own_stack.server("--detach", *own_stack.ports)  # it runs already: said, and no failure
    own_stack.server("stop")
    assert processes(own_stack) == []
    assert own_stack.server("status", check=False).returncode != 0
    own_stack.server("stop")
    own_stack.server("reset", "--yes")
    assert not own_stack.data_dir.exists()
    assert running(docker_client, own_stack) == []


def test_a_server_killed_anywhere_in_a_rollout_leaves_a_true_end_and_no_orphan(
    started: Stack, docker_client: docker.DockerClient, size: Callable[[str], int], seed: int
) -> None:
    folder = httpd(started, toml=QUICK + "[scale]\nreplicas = 2\n")
    started.loco("deploy", cwd=folder)
    choice = random.Random(seed)  # noqa: S311  a seeded choice of moments, no secret
    with Asking(started, "hello") as asking:
        for _ in range(size("kills_in_a_rollout")):
            rolled_and_killed(started, docker_client, after=choice.uniform(0, 3))
    assert set(asking.answers) == {200}
    print(f"{len(asking.answers)} requests, all 200")  # noqa: T201  the figure, in the long run's output


def rolled_and_killed(stack: Stack, docker_client: docker.DockerClient, *, after: float) -> None:
    """Redeploy, kill the server so many seconds into it, start it again and see a true end."""
    with stack.client() as client:
        number = client.post(f"{HELLO}/redeploy").json()["number"]
    clock = Clock()
    eventually(lambda: clock.seconds >= after, every=0.01)
    stack.kill()
    stack.start()
    with stack.client() as client:
        path = f"{HELLO}/deployments/{number}"
        eventually(lambda: client.get(path).json()["state"] in {"live", "failed"}, within=40)
        live = client.get(HELLO).json()["live"]["number"]
    wanted = [f"v{live}-1", f"v{live}-2"]
    eventually(lambda: sorted("-".join(name.split("-")[-2:]) for name in running(docker_client, stack)) == wanted)
