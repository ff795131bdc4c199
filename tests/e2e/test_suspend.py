"""The operator's brake on the real thing: under load and in the middle of a push, and across a killed server."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import BIN, QUICK, Clock, Stack, httpd
from tests.e2e.test_bad_push import child, large, uploading
from tests.e2e.test_push import Ticket
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("suspensions")]

WITHIN = 60.0
"""Seconds after which it hangs; how long it took is printed."""
NOTICE = "this app is suspended by the operator of the platform\n"
NOT_ALLOWED = 4


@dataclass
class Seen:
    """What somebody got who asked again and again: asked when, and which status and text."""

    answers: list[tuple[float, int, str]] = field(default_factory=list)

    def last(self, status: int) -> float:
        return max((at for at, found, _ in self.answers if found == status), default=0.0)

    def since(self, moment: float) -> list[tuple[int, str]]:
        return [(status, text) for at, status, text in self.answers if at >= moment]


@contextmanager
def asking(stack: Stack, host: str) -> Iterator[Seen]:
    seen, stop = Seen(), threading.Event()

    def ask() -> None:
        headers = {"host": f"{host}.localhost"}
        with httpx.Client(base_url=f"http://127.0.0.1:{stack.edge}", headers=headers, timeout=10) as client:
            while not stop.wait(0.01):
                asked = time.monotonic()
                answer = client.get("/")
                seen.answers.append((asked, answer.status_code, answer.text))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextmanager
def load(stack: Stack, host: str) -> Iterator[None]:
    argv = ["hey", "-z", "10m", "-c", "10", "-q", "20", "-host", f"{host}.localhost", f"http://127.0.0.1:{stack.edge}/"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as hey:
        try:
            yield
        finally:
            hey.kill()


class SlowPush(threading.Thread):
    """One layer, sent in one request that would take minutes, as a large one over a slow line does."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(daemon=True)
        answer = ticket.pusher.ask("POST", f"/v2/{ticket.pusher.repository}/blobs/uploads/")
        self._url = f"http://{ticket.credentials_host}{answer.headers['location']}"
        self._token = ticket.pusher.token()
        self.sent = 0
        self.ended_at = 0.0
        self.start()

    def run(self) -> None:
        def pieces() -> Iterator[bytes]:
            for _ in range(6000):
                self.sent += 1
                yield os.urandom(20_000)
                time.sleep(0.05)

        with suppress(httpx.TransportError):
            httpx.patch(self._url, content=pieces(), headers={"authorization": f"Bearer {self._token}"}, timeout=60)
        self.ended_at = time.monotonic()


def admin(stack: Stack, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `loco-server admin …` as the operator does."""
    return stack.operator("admin", "--data-dir", str(stack.data_dir), *args, check=check)


def running(name: str) -> list[str]:
    listed = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=loco/app={name}"], check=True, capture_output=True, text=True
    )
    return listed.stdout.split()


def team(stack: Stack) -> str:
    return str(stack.json("whoami")["default_team"])


def test_an_app_under_load_and_in_the_middle_of_a_push_is_stopped_within_seconds_and_stays_so(
    own_stack: Stack,
) -> None:
    stack = own_stack
    stack.start()
    stack.loco("login")
    folder = httpd(stack, "mine", toml=QUICK + "[scale]\nreplicas = 2\n")
    neighbour = httpd(stack, "other", text="the neighbour")
    stack.loco("deploy", cwd=folder)
    stack.loco("deploy", cwd=neighbour)
    name = f"{team(stack)}/mine"
    with (
        stack.client() as client,
        Ticket(stack, client, "mine") as ticket,
        load(stack, "mine"),
        asking(stack, "mine") as seen,
        asking(stack, "other") as others,
    ):
        push = SlowPush(ticket)
        eventually(lambda: uploading(stack, folder) and len(seen.answers) > 100, within=30)
        clock, began = Clock(), time.monotonic()
        said = admin(stack, "suspend", "app", name, "--reason", "mines coins").stdout
        assert running("mine") == []
        push.join(WITHIN)
        assert not push.is_alive()
        assert clock.seconds < WITHIN
        assert not ticket.opens()
        assert ticket.state == "cancelled"
        over = time.monotonic()
        eventually(lambda: len(seen.since(over)) > 50)
        assert set(seen.since(over)) == {(503, NOTICE)}
        last = seen.last(200) - began
        assert {status for _, status, _ in others.answers} == {200}
    print(f"the last answer {last:.2f} s after, the push {push.ended_at - began:.2f} s after")  # noqa: T201
    assert f"app {name} is suspended: mines coins" in said
    assert "1 deployment under way cancelled" in said
    stays_suspended(stack, folder)
    stack.kill()
    stack.start()
    assert not ticket_buys(ticket, stack)
    stays_suspended(stack, folder)
    stack.stop()
    stack.start()
    eventually(lambda: stack.get("other").text == "the neighbour", within=20)
    stays_suspended(stack, folder)
    assert "starts again" in admin(stack, "resume", "app", name).stdout
    eventually(lambda: stack.get("mine").text == "hello", within=20)
    assert len(running("mine")) == 2
    (folder / "www/index.html").write_text("again")
    stack.loco("deploy", cwd=folder)
    assert stack.get("mine").text == "again"


def ticket_buys(ticket: Ticket, stack: Stack) -> bool:
    bought = httpx.get(f"{stack.url}/registry/token", params={"service": "x"}, auth=ticket.credentials)
    return bought.status_code == 200


def stays_suspended(stack: Stack, folder: Path) -> None:
    """Its page, its containers, and what its owner is told."""
    eventually(lambda: (stack.get("mine").status_code, stack.get("mine").text) == (503, NOTICE), within=20)
    assert running("mine") == []
    said = "app mine is suspended: mines coins"
    status = stack.loco("status", cwd=folder).stdout
    assert said in status
    assert stack.json("apps")["apps"][0]["state"] == "suspended"
    for command in (("deploy",), ("redeploy",), ("variables", "set", "A=1"), ("destroy", "--confirm", "mine")):
        refused = stack.loco(*command, cwd=folder, exit_code=NOT_ALLOWED)
        assert said in refused.stderr, command
    assert running("mine") == []


def test_a_deploy_in_the_middle_of_its_push_is_told_why_it_ends(own_stack: Stack) -> None:
    stack = own_stack
    stack.start()
    stack.loco("login")
    folder = httpd(stack, "mine")
    stack.loco("deploy", cwd=folder)
    large(folder, 120)
    name, registry = team(stack), child(stack, "registry")
    command = ("suspend", "team", name, "--reason", "asks for it")
    argv = [str(BIN / "loco-server"), "admin", "--data-dir", str(stack.data_dir), *command]
    with stack.client() as client, stack.begin("deploy", cwd=folder) as deploy:
        eventually(lambda: uploading(stack, folder), within=30)
        os.kill(registry, signal.SIGSTOP)  # so that the upload is not over before the suspension
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=stack.env()) as suspending:
            eventually(lambda: client.get(f"/v1/teams/{name}/apps/mine").json()["suspended"], within=30)
            os.kill(registry, signal.SIGCONT)
            assert suspending.wait(30) == 0
        assert deploy.ended(within=60) == NOT_ALLOWED, deploy.said
    assert f"team {name} is suspended: asks for it\nnext: ask the operator\n" in deploy.said
    assert "Traceback" not in deploy.said
    assert running("mine") == []


def test_a_suspended_person_is_out_with_everything_that_stands_for_them(own_stack: Stack) -> None:
    stack = own_stack
    stack.start()
    stack.loco("login")
    folder = httpd(stack, "mine")
    stack.loco("deploy", cwd=folder)
    login = str(stack.json("whoami")["user"])
    machine = stack.json("tokens", "create", "ci", "--can", "deploy")["token"]
    admin(stack, "suspend", "user", login, "--reason", "is not who they say")
    for more in ({}, {"LOCO_TOKEN": machine}):
        refused = stack.loco("apps", exit_code=NOT_ALLOWED, **more)
        assert f"{login} is suspended: is not who they say" in refused.stderr
    assert "is suspended" in stack.loco("login", exit_code=NOT_ALLOWED).stderr
    assert (stack.get("mine").status_code, running("mine")) == (503, [])
    held = json.loads(admin(stack, "overview", "--json").stdout)["suspended"]
    assert held == [{"kind": "user", "name": login, "reason": "is not who they say"}]
    admin(stack, "resume", "user", login)
    eventually(lambda: stack.get("mine").text == "hello", within=20)
    assert stack.json("apps")["apps"][0]["state"] == "live"
