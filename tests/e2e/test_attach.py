"""`loco exec`, `run`, `forward`, as people and programs use them: at a terminal, in pipes, cut off in the middle."""

import hashlib
import json
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from tests.e2e.stack import BIN, Stack, httpd, running
from tests.e2e.terminal import at_a_terminal
from tests.inside import run_inside
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("attached")]
LOCO = BIN / "loco"


@pytest.fixture(scope="module")
def app(stack: Stack) -> Path:
    folder = httpd(stack, "entered", text="hello")
    stack.loco("deploy", cwd=folder)
    return folder


def piped(stack: Stack, cwd: Path, *argv: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [LOCO, *argv], check=False, capture_output=True, input=given, cwd=cwd, env=stack.env(), timeout=120
    )


def test_ten_megabytes_go_through_whole_and_come_back(stack: Stack, app: Path) -> None:
    given = random.Random(1).randbytes(10_000_000)  # noqa: S311
    found = piped(stack, app, "exec", "--", "cat", given=given)
    assert (found.returncode, found.stderr) == (0, b"")
    assert hashlib.sha256(found.stdout).digest() == hashlib.sha256(given).digest()


def test_streams_stay_apart_and_the_exit_code_is_the_commands(stack: Stack, app: Path) -> None:
    found = piped(stack, app, "exec", "--", "sh", "-c", "cat; echo oops >&2; exit 42", given=b"in")
    assert (found.returncode, found.stdout, found.stderr) == (42, b"in", b"oops\n")
    found = piped(stack, app, "exec", "ls", "-d", "/www")  # its own options need no --
    assert (found.returncode, found.stdout) == (0, b"/www\n")
    assert piped(stack, app, "exec", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert piped(stack, app, "exec", "--no-stdin", "--", "cat", given=b"not for it").stdout == b""
    line = f"{LOCO} exec -- yes | head -n 1"  # for ever, to somebody who has had enough
    found = subprocess.run(["sh", "-c", line], check=False, capture_output=True, cwd=app, env=stack.env(), timeout=60)
    assert (found.stdout, found.stderr) == (b"y\n", b"")


def test_a_shell_at_a_terminal_has_its_size_its_keys_and_its_exit_code(stack: Stack, app: Path) -> None:
    with at_a_terminal([LOCO, "exec"], cwd=app, env=stack.env(), columns=91, rows=31) as terminal:
        before = terminal.mode
        terminal.shows("$ ")
        assert terminal.mode != before
        terminal.type("stty size\r")
        terminal.shows("31 91")
        terminal.resize(120, 40)
        terminal.type("stty size\r")
        terminal.shows("40 120")
        terminal.type("sh -c 'echo rea''dy; exec sleep 999'\r")
        terminal.shows("ready")  # until then the shell reads keys itself
        terminal.type("\x03")
        terminal.type("echo st''ill here\r")
        terminal.shows("still here")
        terminal.type("exit 130\r")
        assert terminal.ended() == 130
        assert terminal.mode == before
        assert "interrupted" not in terminal.said


def test_ctrl_c_without_a_terminal_there_ends_both(stack: Stack, app: Path) -> None:
    argv: list[str | Path] = [LOCO, "exec", "--no-tty", "--", "sh", "-c", "echo up; sleep 98765; true"]
    with at_a_terminal(argv, cwd=app, env=stack.env()) as terminal:
        terminal.shows("up")
        terminal.type("\x03")
        assert terminal.ended() == 130
    eventually(lambda: "98765" not in piped(stack, app, "exec", "--", "ps").stdout.decode())


def test_an_instance_that_goes_in_the_middle_is_told_of_and_the_terminal_is_as_it_was(
    stack: Stack, app: Path, docker_client: docker.DockerClient
) -> None:
    with at_a_terminal([LOCO, "exec"], cwd=app, env=stack.env()) as terminal:
        before = terminal.mode
        terminal.shows("$ ")
        container(docker_client, "entered").kill()
        assert terminal.ended() == 6
        terminal.shows("v1-1 has ended")
        assert terminal.mode == before
    eventually(lambda: stack.json("status", "--app", "entered")["instances"][0]["state"] == "running", within=30)


def container(client: docker.DockerClient, app: str) -> Any:
    [found] = client.containers.list(filters={"label": [f"loco/app={app}", "loco/role=app"]})
    return found


def one_offs(client: docker.DockerClient, app: str) -> list[Any]:
    labels = [f"loco/app={app}", "loco/role=run"]
    return list(client.containers.list(all=True, ignore_removed=True, filters={"label": labels}))


def test_a_container_of_its_own_has_the_variables_and_is_gone_afterwards(
    stack: Stack, app: Path, docker_client: docker.DockerClient
) -> None:
    script = 'read x; echo "$x $LOCO_APP $LOCO_DEPLOYMENT"; exit 3'
    found = piped(stack, app, "run", "--", "sh", "-c", script, given=b"hi\n")
    assert (found.returncode, found.stdout, found.stderr) == (3, b"hi entered v1\n", b"")
    assert one_offs(docker_client, "entered") == []
    found = piped(stack, app, "run", "--timeout", "1s", "--", "sleep", "60")
    assert (found.returncode, found.stderr.splitlines()[0]) == (6, b"error: it ran for its time, 1 s, and was ended")
    with stack.begin("run", "--", "sleep", "61", cwd=app) as begun:
        eventually(lambda: one_offs(docker_client, "entered"))
        begun.process.kill()
        eventually(lambda: one_offs(docker_client, "entered") == [])


def test_a_port_here_leads_to_the_instances_until_ctrl_c(stack: Stack, app: Path) -> None:
    with stack.begin("forward", "0:8080", cwd=app) as begun:
        eventually(lambda: begun.lines)
        address = begun.lines[0].split(" -> ")[0]
        assert begun.lines == [f"{address} -> v1-1:8080; Ctrl-C ends it\n"]
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            assert [client.get("/").text for _ in range(3)] == ["hello"] * 3
        begun.process.send_signal(signal.SIGINT)
        assert begun.ended() == 0
        assert len(begun.lines) == 1
    with stack.begin("forward", "0:9999", "--json", cwd=app) as begun:
        eventually(lambda: begun.lines)
        host, port = json.loads(begun.lines[0])["result"]["address"].split(":")
        for count in (1, 2):
            with socket.create_connection((host, int(port)), timeout=10) as refused:
                assert refused.recv(1) == b"" or count
            eventually(lambda count=count: len(begun.lines) == 1 + count)  # type: ignore[misc]
        assert "port 9999: nothing listens there; entered declares 8080 (http)" in begun.lines[1]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("exec",), 2, "there is no terminal here for a shell"),
        (("exec", "--instance", "v9-1", "--", "true"), 5, "no instance v9-1 of entered runs"),
        (("exec", "--app", "nothing", "--", "true"), 5, "team root has no app nothing"),
        (("run", "--timeout", "25h", "--", "true"), 2, "--timeout '25h' is no duration between 1s and 24h"),
        (("forward", "http"), 2, "'http' is neither a port nor two as LOCAL:PORT"),
        (("exec", "--", "no-such-program"), 127, "no-such-program: not found"),
    ],
)
def test_what_cannot_be_is_said_in_a_word(stack: Stack, app: Path, argv: tuple[str, ...], code: int, said: str) -> None:
    found = piped(stack, app, *argv)
    assert found.returncode == code
    assert said in (found.stderr + found.stdout).decode()


def test_each_start_is_in_the_trail_with_the_program_alone(stack: Stack, app: Path) -> None:
    piped(stack, app, "exec", "--", "env", "TOKEN=planted")
    newest = stack.json("events", "-n", "1")["events"][0]
    assert (newest["action"], newest["app"], newest["detail"]) == (
        *("app.exec", "entered"),
        {"instance": "v1-1", "command": "env"},
    )


@pytest.fixture(scope="module")
def killed(base_image: str) -> Iterator[Stack]:
    with running() as found:
        yield found


def test_a_server_that_is_killed_is_told_of_and_leaves_nothing(
    killed: Stack, docker_client: docker.DockerClient
) -> None:
    folder = httpd(killed, "doomed")
    killed.loco("deploy", cwd=folder)
    with (
        at_a_terminal([LOCO, "exec"], cwd=folder, env=killed.env()) as terminal,
        killed.begin("run", "--", "sleep", "98766", cwd=folder) as begun,
        killed.begin("forward", "0:8080", cwd=folder) as forward,
    ):
        before = terminal.mode
        terminal.shows("$ ")
        terminal.type("sleep 98767\r")
        eventually(lambda: one_offs(docker_client, "doomed"))
        eventually(lambda: "98767" in run_inside(container(docker_client, "doomed"), "ps").stdout)
        eventually(lambda: forward.lines and " -> " in forward.lines[0], within=30)
        killed.kill()
        assert terminal.ended() == 7
        terminal.shows("was cut")
        assert terminal.mode == before
        assert begun.ended() == 7
        killed.start()
        eventually(lambda: one_offs(docker_client, "doomed") == [], within=30)
        eventually(lambda: "98767" not in run_inside(container(docker_client, "doomed"), "ps").stdout, within=30)
        address = forward.lines[0].split(" -> ")[0]
        assert httpx.get(f"http://{address}/", trust_env=False, timeout=10).text == "hello"  # it goes on
        forward.process.send_signal(signal.SIGTERM)
