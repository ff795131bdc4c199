"""What was wrong with a deployment: told by deploy, by status and by `loco doctor`, in one screen at 80 columns."""

import json
import os
import pty
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import BIN, HTTPD, QUICK, Clock, Stack, running
from tests.e2e.test_bad_input import DEPLOYMENT, NOT_FOUND, USAGE
from tests.golden import compared
from tests.registry_client import Image, Pusher, digest, layer

pytestmark = pytest.mark.engine

GOLDEN = Path(__file__).parent / "screens"
SHORT = QUICK.replace('grace = "10s"', 'grace = "1s"')
PASSWD = layer({"etc/passwd": b"root:x:0:0:root:/:/bin/sh\n", "etc/group": b"root:x:0:\n"})
WRONG_PORT = {"Dockerfile": HTTPD.replace('"8080"', '"3000"')}


def at_a_terminal(stack: Stack, *args: str, cwd: Path) -> tuple[int, str]:
    """Run the CLI at a terminal of 80 columns; give its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    env = {**stack.env(), "TERM": "dumb"}
    with subprocess.Popen([BIN / "loco", *args], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as found:
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass  # the other end is closed
    os.close(ours)
    return found.returncode, said.decode().replace("\r\n", "\n")


def normal(text: str) -> str:
    text = re.sub(r"phase: checking\n", "phase: checking, after 0.0 s\n", text)
    text = re.sub(r"after \d+\.\d s", "after 1.0 s", text)
    text = re.sub(r"\(\d+\.\d s since", "(2.0 s since", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, text)
    return re.sub(r"by \S+: ", "by ann: ", text)


def shown_as(request: pytest.FixtureRequest, name: str, text: str) -> None:
    compared(request, GOLDEN / f"{name}.txt", normal(text))


CHECKS = [
    *("loco.toml", "Dockerfile", "context", "engine", "builder", "disk", "server", "clock", "token"),
    *("registry", "dns", "quota", "plan", "deployment"),
]


def checked(stack: Stack, folder: Path, **environment: str) -> dict[str, str]:
    """Give the state of each check of a doctor that finds something wrong."""
    found = stack.json("doctor", cwd=folder, exit_code=1, **environment)
    return {each["name"]: each["state"] for each in found["checks"]}


@pytest.fixture(scope="module")
def failed(stack: Stack) -> Iterator[tuple[Path, str]]:
    """An app whose second deployment listens elsewhere, and what `loco deploy` showed of it at a terminal."""
    folder = stack.app("elsewhere", HTTPD, toml=SHORT, files={"www/index.html": "fine"})
    stack.loco("deploy", cwd=folder)
    (folder / "Dockerfile").write_text(WRONG_PORT["Dockerfile"])
    code, said = at_a_terminal(stack, "deploy", cwd=folder)
    assert code == DEPLOYMENT
    yield folder, said
    assert stack.get("elsewhere").text == "fine"


def test_deploy_and_doctor_show_one_and_the_same_screen(
    stack: Stack, failed: tuple[Path, str], request: pytest.FixtureRequest
) -> None:
    folder, said = failed
    code, shown = at_a_terminal(stack, "doctor", "v2", cwd=folder)
    assert code == 0
    assert said.endswith(shown)
    shown_as(request, "doctor", shown)
    whole = stack.loco("doctor", cwd=folder, exit_code=1).stdout
    assert whole.partition("\n\n")[2].splitlines()[0] in shown.replace("\n  ", " ")


def test_a_real_platform_has_all_that_a_deploy_needs_but_the_deployment_that_failed(
    stack: Stack, failed: tuple[Path, str]
) -> None:
    checks = checked(stack, failed[0])
    assert list(checks) == CHECKS
    assert {name for name, state in checks.items() if state == "wrong"} == {"deployment"}
    # What else is no more than a note is this machine's: a small disk, the apps that other tests have left.
    assert {name for name, state in checks.items() if state != "ok"} <= {"deployment", "loco.toml", "disk", "quota"}


def test_what_never_answers_does_not_hold_the_doctor(stack: Stack, failed: tuple[Path, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        clock = Clock()
        checked(stack, failed[0])
        usual, clock = clock.seconds, Clock()  # on a busy machine the start alone takes seconds
        checks = checked(stack, failed[0], LOCO_SERVER=f"http://{address}", DOCKER_HOST=f"tcp://{address}")
    assert clock.seconds < usual + 8
    assert {name for name, state in checks.items() if state == "ok"} == {"Dockerfile", "context"}
    assert {name for name, state in checks.items() if state == "wrong"} >= {"engine", "server"}


def test_status_tells_it_in_short_and_where_the_rest_is(
    stack: Stack, failed: tuple[Path, str], request: pytest.FixtureRequest
) -> None:
    shown = stack.loco("status", cwd=failed[0]).stdout
    shown_as(request, "status", shown[shown.index("newest:") : shown.index("  more:")] + "  more: loco doctor v2\n")
    assert "  more: loco doctor v2\n" in shown


def test_a_program_gets_the_diagnosis_as_fields(stack: Stack, failed: tuple[Path, str]) -> None:
    result = stack.json("doctor", "2", cwd=failed[0])
    found = result["deployment"]["diagnosis"]
    assert (found["phase"], found["cause"]) == ("health", "wrong-port")
    assert {"name": "listens on", "text": "[::]:3000"} in found["evidence"]
    assert found["seconds"] <= found["total"]
    assert stack.json("status", cwd=failed[0])["latest"]["diagnosis"] == found


def test_a_deployment_that_serves_has_nothing_wrong(stack: Stack, failed: tuple[Path, str]) -> None:
    assert stack.loco("doctor", "v1", cwd=failed[0]).stdout == "v1 is live; nothing is wrong with it\n"
    stack.loco("doctor", "v99", cwd=failed[0], exit_code=NOT_FOUND)
    stack.loco("doctor", "last", cwd=failed[0], exit_code=USAGE)


def test_what_did_not_end_on_sigterm_is_told_and_does_not_fail(stack: Stack, request: pytest.FixtureRequest) -> None:
    deaf = "trap '' TERM; httpd -p 8080; while :; do sleep 1; done"
    toml = QUICK.replace('drain = "2s"', 'drain = "1s"')
    command = f"CMD {json.dumps(['sh', '-c', deaf])}\n"
    folder = stack.app("deaf", "FROM loco-test/base:1\nUSER 10001\n" + command, toml=toml)
    stack.loco("deploy", cwd=folder)
    assert "v1-1 did not end on SIGTERM and was killed" in stack.loco("redeploy", cwd=folder).stderr
    _, shown = at_a_terminal(stack, "doctor", "v2", cwd=folder)
    shown_as(request, "stuck-drain", shown)


def test_a_release_command_that_fails(stack: Stack, request: pytest.FixtureRequest) -> None:
    command = ["sh", "-c", "echo no such table; exit 3"]
    toml = QUICK.replace("[deploy]", f"[deploy]\nrelease_command = {json.dumps(command)}")
    folder = stack.app("unreleased", HTTPD, toml=toml, files={"www/index.html": "never"})
    code, said = at_a_terminal(stack, "deploy", cwd=folder)
    assert code == DEPLOYMENT
    shown_as(request, "release-failed", said[said.index("error: ") :])


GATES: dict[str, tuple[str, Image | None]] = {
    "runs-as-root": ("runs-as-root", Image([PASSWD], user="root")),
    "root-by-default": ("runs-as-root", Image([PASSWD], user="")),
    "user-missing": ("user-missing", Image([PASSWD], user="ann")),
    "group-missing": ("user-missing", Image([PASSWD], user="10001:staff")),
    "wrong-platform": ("wrong-platform", Image([PASSWD], architecture="arm64")),
    "image-gone": ("image-gone", None),
    "image-too-large": ("image-too-large", Image([os.urandom(70_000)])),
}


@pytest.fixture(scope="module")
def strict(base_image: str) -> Iterator[Stack]:
    """A platform that takes small images only."""
    with running(LOCO_IMAGE_LIMIT="60000") as found:
        yield found


@pytest.mark.parametrize("name", sorted(GATES))
def test_what_a_gate_refuses_has_the_same_screen(strict: Stack, name: str, request: pytest.FixtureRequest) -> None:
    cause, image = GATES[name]
    with strict.client() as client:
        team = client.get("/v1/me").json()["default_team"]
        path = f"/v1/teams/{team}/apps/{name}/deployments"
        created: Any = client.post(path, json={"spec": {"name": name}}).json()
        pushed = digest(b"never pushed")
        if image is not None:
            ticket = created["ticket"]
            pusher = Pusher(ticket["registry"], ticket["repository"], (ticket["username"], ticket["password"]))
            pushed = pusher.image(image)
            pusher.close()
        answer = client.post(f"{path}/1/image", json={"digest": pushed})
    assert answer.json()["diagnosis"]["cause"] == cause
    assert answer.json()["diagnosis"]["phase"] == "checking"
    _, shown = at_a_terminal(strict, "doctor", "v1", "--app", name, cwd=strict.folder)
    shown_as(request, f"gate-{name}", shown)
