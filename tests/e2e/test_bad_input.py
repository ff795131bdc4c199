"""What goes wrong, on the real engine: the exit code, what is said, the next command, and what serves meanwhile."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.stack import HTTPD, QUICK, Stack, httpd
from tests.waiting import eventually

pytestmark = pytest.mark.engine

USAGE, BUILD, NOT_ALLOWED, NOT_FOUND, DEPLOYMENT, UNREACHABLE, INTERRUPTED = 2, 3, 4, 5, 6, 7, 130


def fails(
    stack: Stack, folder: Path, code: int, *said: str, args: tuple[str, ...] = (), **environment: Any
) -> subprocess.CompletedProcess[str]:
    """Deploy; it must end with the code, say all that, name a next step, and show no trace."""
    found = stack.loco("deploy", *args, cwd=folder, exit_code=code, **environment)
    text = found.stdout + found.stderr
    for words in said:
        assert words in text, text
    assert "Traceback" not in text
    return found


def run(folder: Path, *command: str) -> None:
    """Let the app's containers run another command."""
    (folder / "Dockerfile").write_text(f"FROM loco-test/base:1\nUSER 10001\nCMD {json.dumps(command)}\n")


def test_no_docker_engine(stack: Stack, serving: Path) -> None:
    (serving / "www/index.html").write_text("another page")  # where nothing has changed no engine is needed
    fails(stack, serving, BUILD, "unix:///nowhere.sock", DOCKER_HOST="unix:///nowhere.sock")


def test_no_dockerfile(stack: Stack, serving: Path) -> None:
    (serving / "Dockerfile").unlink()
    fails(stack, serving, BUILD, "Dockerfile")


def test_a_folder_that_is_not_there(stack: Stack) -> None:
    found = stack.loco("deploy", "nowhere", exit_code=USAGE)
    assert "nowhere" in found.stdout + found.stderr


def test_a_loco_toml_with_faults_names_them_all(stack: Stack, serving: Path) -> None:
    (serving / "loco.toml").write_text('prot = 80\n[health]\ninterval = "soon"\n')
    fails(stack, serving, USAGE, "prot", '"port"', "health.interval", '"10s"')


@pytest.mark.parametrize("builder", ["docker", "engine"])
def test_a_build_step_that_fails(stack: Stack, serving: Path, builder: str) -> None:
    (serving / "Dockerfile").write_text("FROM loco-test/base:1\nRUN echo before && echo the reason && exit 7\n")
    fails(stack, serving, BUILD, "RUN echo before", "the reason", "7", args=("--builder", builder))


@pytest.mark.parametrize("builder", ["docker", "engine"])
def test_a_dockerfile_syntax_error(stack: Stack, serving: Path, builder: str) -> None:
    (serving / "Dockerfile").write_text("FROM loco-test/base:1\nRUNN echo\n")
    fails(stack, serving, BUILD, "RUNN", args=("--builder", builder))


def test_an_app_that_exits_at_once(stack: Stack, serving: Path) -> None:
    run(serving, "sh", "-c", "echo my last words; exit 3")
    fails(stack, serving, DEPLOYMENT, "3", "my last words")


def test_a_command_that_does_not_exist(stack: Stack, serving: Path) -> None:
    run(serving, "gunicorn")
    fails(stack, serving, DEPLOYMENT, "gunicorn")


def test_an_image_that_runs_as_root(stack: Stack, serving: Path) -> None:
    (serving / "Dockerfile").write_text(HTTPD.replace("USER 10001\n", ""))
    fails(stack, serving, DEPLOYMENT, "root", "USER 10001", "[security]")


def test_security_user_runs_a_root_image_without_a_rebuild(stack: Stack) -> None:
    folder = stack.app(
        "rootless",
        HTTPD.replace("USER 10001\n", ""),
        toml=QUICK + "[security]\nuser = 10001\n",
        files={"www/index.html": "as 10001"},
    )
    stack.loco("deploy", cwd=folder)
    assert stack.get("rootless").text == "as 10001"


def test_not_signed_in(stack: Stack, serving: Path, tmp_path: Path) -> None:
    found = fails(stack, serving, NOT_ALLOWED, "loco login", HOME=str(tmp_path))
    assert "not signed in" in (found.stdout + found.stderr).lower()


def test_server_unreachable(stack: Stack, serving: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    fails(stack, serving, UNREACHABLE, url, LOCO_SERVER=url, LOCO_TOKEN="loco_any_token")


def test_another_teams_app(stack: Stack) -> None:
    found = stack.loco("status", "--team", "strangers", "--app", "shop", exit_code=NOT_FOUND)
    assert "strangers" in found.stdout + found.stderr


def test_a_host_of_another_app(stack: Stack, serving: Path) -> None:
    other = httpd(stack, "covetous", toml=QUICK + f'[[routes]]\nhost = "{serving.name}"\n')
    found = stack.loco("deploy", cwd=other, exit_code=1)
    assert serving.name in found.stdout + found.stderr


def test_the_older_of_two_deploys_arriving_last(stack: Stack) -> None:
    folder = httpd(stack, "racing")
    stack.loco("deploy", cwd=folder)
    slow = stack.folder / "apps" / "racing-slow"
    slow.mkdir()
    (slow / "Dockerfile").write_text(
        HTTPD.replace("USER", f"RUN sleep 6 # {uuid4()}\nUSER").replace("COPY www /www\n", "")
    )
    (slow / "loco.toml").write_text('name = "racing"\n' + QUICK)
    with stack.begin("deploy", cwd=slow) as older:
        eventually(lambda: stack.json("status", cwd=folder)["latest"]["number"] == 2)
        (folder / "www/index.html").write_text("the newer")
        stack.loco("deploy", cwd=folder)
        assert older.ended() == DEPLOYMENT, older.said
    assert "v3" in older.said
    assert "newer" in older.said
    assert stack.get("racing").text == "the newer"


def interrupted(stack: Stack, folder: Path, word: str) -> str:
    """Deploy, press Ctrl-C once the word is shown, give all that was said."""
    with stack.begin("deploy", cwd=folder) as deploy:
        eventually(lambda: word in deploy.said)
        deploy.process.send_signal(signal.SIGINT)
        assert deploy.ended(within=30) == INTERRUPTED, deploy.said
    assert "Traceback" not in deploy.said
    return deploy.said


def test_ctrl_c_during_the_build_cancels(stack: Stack, serving: Path) -> None:
    (serving / "Dockerfile").write_text(f"FROM loco-test/base:1\nRUN sleep 20 # {uuid4()}\nUSER 10001\n")
    said = interrupted(stack, serving, "RUN sleep 20")
    assert "cancelled" in said
    assert stack.json("status", cwd=serving)["latest"]["state"] == "cancelled"


def test_ctrl_c_during_the_rollout_leaves_it_to_the_server(stack: Stack) -> None:
    folder = stack.app(
        "slowstart",
        'FROM loco-test/base:1\nUSER 10001\nCMD ["sh", "-c", "sleep 3; exec httpd -f -p 8080"]\n',
        toml=QUICK,
    )
    said = interrupted(stack, folder, "rolling out")
    assert "goes on" in said
    eventually(lambda: stack.json("status", cwd=folder)["latest"]["state"] == "live", within=20)


def test_an_image_over_the_limit(own_stack: Stack) -> None:
    own_stack.environment["LOCO_IMAGE_LIMIT"] = "1000"
    own_stack.start()
    own_stack.loco("login")
    fails(own_stack, httpd(own_stack), DEPLOYMENT, "the limit is 1.0 KB")


def test_a_disk_that_is_nearly_full(own_stack: Stack) -> None:
    own_stack.environment["LOCO_FREE_SPACE_FLOOR"] = str(10**15)
    own_stack.start()
    own_stack.loco("login")
    fails(own_stack, httpd(own_stack), 1, "no room")


@pytest.mark.sample("slow_pushes")
def test_a_disk_that_is_full_while_the_image_is_pushed(own_stack: Stack) -> None:
    own_stack.data_dir.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", own_stack.data_dir], check=True)
    try:
        own_stack.environment["LOCO_FREE_SPACE_FLOOR"] = "0"
        own_stack.start()
        own_stack.loco("login")
        folder = httpd(own_stack)
        (folder / "www/large").write_bytes(os.urandom(8_000_000))
        fails(own_stack, folder, BUILD, "push")
        (folder / "www/large").unlink()
        own_stack.server("stop")
    finally:
        subprocess.run(["umount", own_stack.data_dir], check=True)
