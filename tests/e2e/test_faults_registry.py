"""A registry that answers 500 for a while, whoever asks: a push, the gates, the pull of a rollout."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.stack import Clock, Stack, httpd
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("faults")]

BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Failing:
    """Stands at the registry's socket; `wrong` judges the first line of a connection's first request."""

    def __init__(self, path: Path) -> None:
        self._real = path.with_suffix(".real")
        path.rename(self._real)
        self.wrong: Callable[[str], bool] = lambda _line: False
        self.refused: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One request a connection, so that each is judged: the registry is told to close after it."""
        with suppress(OSError), client, socket.socket(socket.AF_UNIX) as server:
            head = b""
            while b"\r\n\r\n" not in head and (piece := client.recv(65536)):
                head += piece
            line = head.partition(b"\r\n")[0].decode()
            if self.wrong(line):
                self.refused.append(line)
                client.sendall(BROKEN)
                return
            server.connect(str(self._real))
            server.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            threading.Thread(target=_carry, args=(client, server), daemon=True).start()
            _carry(server, client)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def failing(stack: Stack) -> Iterator[Failing]:
    found = Failing(stack.data_dir / "run/registry.sock")
    try:
        yield found
    finally:
        found.close()


def lasts(seconds: float) -> None:
    clock = Clock()
    eventually(lambda: clock.seconds > seconds, within=seconds + 30)


def test_a_registry_that_fails_for_a_while_holds_a_deploy_up_in_each_of_its_steps_and_no_more(
    own_stack: Stack, size: Callable[[str], int]
) -> None:
    own_stack.start()
    own_stack.loco("login")
    folder = httpd(own_stack, text="before")
    own_stack.loco("deploy", cwd=folder)
    steps: dict[str, Callable[[str], bool]] = {
        "push": lambda line: line.startswith(("POST", "PATCH", "PUT")),
        "gates and pull": lambda line: line.startswith("GET /v2/") and ("/manifests/" in line or "/blobs/sha" in line),
    }
    with failing(own_stack) as registry:
        for step, wrong in steps.items():
            (folder / "www/index.html").write_text(step)
            registry.refused.clear()
            registry.wrong = wrong
            with own_stack.begin("deploy", cwd=folder) as deploying:
                eventually(lambda: registry.refused, within=60)
                # A push the engine itself gives up after 50 s, which the test below waits for.
                lasts(size("seconds_registry_fails") * (2 / 3 if step == "push" else 1))
                assert own_stack.get("hello").text != step
                registry.wrong = lambda _line: False
                assert deploying.ended(within=120) == 0, deploying.said
            assert own_stack.get("hello").text == step
    assert "defect" not in own_stack.output()


@pytest.mark.long
def test_a_registry_that_fails_for_good_ends_the_deploy_and_what_served_serves(own_stack: Stack) -> None:
    """The engine itself tries for 50 s."""
    own_stack.start()
    own_stack.loco("login")
    folder = httpd(own_stack, text="before")
    own_stack.loco("deploy", cwd=folder)
    (folder / "www/index.html").write_text("never")
    with failing(own_stack) as registry:
        registry.wrong = lambda line: line.startswith(("POST", "PATCH", "PUT"))
        assert "500 Internal Server Error" in own_stack.loco("deploy", cwd=folder, exit_code=3).stderr
    assert own_stack.get("hello").text == "before"
    latest = own_stack.json("status", "--app", "hello")["latest"]
    assert (latest["state"], latest["diagnosis"]["phase"]) == ("failed", "pushing")
