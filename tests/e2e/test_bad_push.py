"""A push that is cut, and Ctrl-C in each phase after the build."""

import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.stack import BIN, Stack, httpd
from tests.e2e.test_bad_input import BUILD, INTERRUPTED
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def child(stack: Stack, name: str) -> int:
    """Give the pid of Envoy or of the registry."""
    lines = stack.server("status", check=False).stdout.splitlines()
    line = next(line for line in lines if line.startswith(name))
    return int(line.split("pid ")[1].split(")")[0])


def uploading(stack: Stack, folder: Path) -> bool:
    """Whether the registry is in the middle of taking a layer of the app; a cut one of another app may lie about."""
    found = (stack.data_dir / "registry").rglob(f"repositories/*/{folder.name}-*/_uploads/*/data")
    return any(path.stat().st_size > 0 for path in found)


def large(folder: Path, megabytes: int) -> None:
    (folder / "www/large").write_bytes(os.urandom(megabytes << 20))


@pytest.mark.sample("slow_pushes")
def test_a_push_that_is_cut_by_a_killed_edge_goes_on_by_itself(stack: Stack) -> None:
    folder = httpd(stack, "cut", text="the first")
    stack.loco("deploy", cwd=folder)
    large(folder, 60)
    (folder / "www/index.html").write_text("the second")
    envoy, registry = child(stack, "envoy"), child(stack, "registry")
    with stack.begin("deploy", cwd=folder) as deploy:
        eventually(lambda: uploading(stack, folder), within=30)
        os.kill(registry, signal.SIGSTOP)  # so that the upload is not over before the cut
        os.kill(envoy, signal.SIGKILL)
        os.kill(registry, signal.SIGCONT)
        assert deploy.ended(within=90) == 0, deploy.said
    assert stack.get("cut").text == "the second"


@pytest.mark.sample("slow_pushes")
def test_a_push_whose_server_is_killed_fails_and_the_next_one_lands(own_stack: Stack) -> None:
    own_stack.start()
    own_stack.loco("login")
    folder = httpd(own_stack, "lost", text="the first")
    own_stack.loco("deploy", cwd=folder)
    large(folder, 60)
    with own_stack.begin("deploy", cwd=folder) as deploy:
        eventually(lambda: uploading(own_stack, folder), within=30)
        own_stack.kill()
        assert deploy.ended(within=120) == BUILD, deploy.said
        assert own_stack.get("lost").text == "the first"
    assert "the push to" in deploy.said
    assert "next: loco deploy" in deploy.said
    (folder / "www/index.html").write_text("the second")
    own_stack.start()
    assert own_stack.get("lost").text == "the first"
    own_stack.loco("deploy", cwd=folder)
    assert own_stack.get("lost").text == "the second"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_the_end_of_a_ci_job_during_the_push_cancel(
    stack: Stack, serving: Path, number: signal.Signals
) -> None:
    large(serving, 60)
    with stack.begin("deploy", cwd=serving) as deploy:
        eventually(lambda: uploading(stack, serving), within=30)
        deploy.process.send_signal(number)
        assert deploy.ended(within=30) == INTERRUPTED, deploy.said
    assert "cancelled" in deploy.said
    assert "Traceback" not in deploy.said
    assert stack.json("status", cwd=serving)["latest"]["state"] == "cancelled"


def on_a_terminal(stack: Stack, folder: Path, *exchange: tuple[str, str]) -> tuple[int, str]:
    """Deploy on a terminal; when the first of each pair is shown type the second. Give exit code and screen."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [BIN / "loco", "deploy"],
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        # The terminal becomes the controlling one, so that a typed Ctrl-C is a signal.
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509  no thread runs here
        env={**stack.env(), "TERM": "xterm"},
    )
    os.close(terminal)
    shown, left = "", list(exchange)
    try:
        while True:
            assert select.select([main], [], [], 60)[0], f"nothing new for a minute after: {shown}"
            try:
                read = os.read(main, 4096).decode(errors="replace")
            except OSError:  # the other side is closed
                break
            shown += read
            if left and left[0][0] in shown:
                os.write(main, left.pop(0)[1].encode())
        return process.wait(timeout=60), shown
    finally:
        process.kill()
        process.wait()
        os.close(main)


SLOW = 'FROM loco-test/base:1\nUSER 10001\nCMD ["sh", "-c", "sleep 4; exec httpd -f -p 8080"]\n'


def test_ctrl_c_on_a_terminal_during_the_rollout_asks_and_cancels(stack: Stack, serving: Path) -> None:
    (serving / "Dockerfile").write_text(SLOW)
    code, shown = on_a_terminal(stack, serving, ("rolling out", "\x03"), ("ancel it?", "c\n"))
    assert code == INTERRUPTED, shown
    assert "cancelled; the previous deployment serves on" in shown
    eventually(lambda: stack.json("status", cwd=serving)["latest"]["state"] == "cancelled", within=20)


def test_ctrl_c_on_a_terminal_during_the_rollout_asks_and_detaches(stack: Stack) -> None:
    folder = stack.app("detached", SLOW)
    code, shown = on_a_terminal(stack, folder, ("rolling out", "\x03"), ("ancel it?", "d\n"))
    assert code == INTERRUPTED, shown
    assert "goes on without you" in shown
    eventually(lambda: stack.json("status", cwd=folder)["latest"]["state"] == "live", within=20)
