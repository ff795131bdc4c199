"""What is done to an app while its server dies, and how that may end."""

import signal
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker

from loco_spec import paths
from loco_spec.kinds.service import Service
from tests.e2e.stack import BIN, HTTPD, Begun, Stack
from tests.e2e.truth import Truth
from tests.waiting import eventually

APP = "crashes"
ROOT = Path(__file__).parents[2]
UNREACHABLE = 7
ARMED, POINTS = "armed", "points"
TOML = """\
[health]
interval = "1s"
grace = "10s"
[deploy]
drain = "2s"
timeout = "30s"
release_command = ["true"]
[scale]
replicas = 2
"""
FAILS = HTTPD.replace('CMD ["httpd"', 'CMD ["false"')
NEVER_HEALTHY = HTTPD.replace('"8080"', '"8081"')


class Place:
    """A stack whose server dies where it is told to, and the one app on it."""

    def __init__(self, stack: Stack, client: docker.DockerClient) -> None:
        self.stack = stack
        self.truth = Truth(stack, client, APP)
        self._files = stack.folder / "crashes"
        self._files.mkdir()
        self._texts = 0
        stack.program = (sys.executable, "-m", "tests.e2e.crashing")
        stack.environment |= {"LOCO_CRASHES": str(self._files), "PYTHONPATH": str(ROOT)}
        stack.start()
        stack.loco("login")

    # --- the server ---------------------------------------------------------------------------------------------

    def arm(self, point: str) -> None:
        """Let effects be counted from now on, and the server die at one of them; empty: at none."""
        (self._files / POINTS).unlink(missing_ok=True)
        (self._files / ARMED).write_text(point)

    def disarm(self) -> None:
        (self._files / ARMED).unlink()

    @property
    def points(self) -> list[str]:
        """Those that have been passed, in order."""
        file = self._files / POINTS
        return file.read_text().splitlines() if file.exists() else []

    @property
    def died(self) -> bool:
        assert self.stack.process is not None
        code = self.stack.process.poll()
        assert code in {None, -signal.SIGKILL}, self.stack.output()
        return code is not None

    # --- the app ------------------------------------------------------------------------------------------------

    def folder(self, *, dockerfile: str = HTTPD, grace: str = "10s") -> Path:
        """Give the app's folder, with a text that it has never had."""
        self._texts += 1
        toml, files = TOML.replace("10s", grace), {"www/index.html": f"text {self._texts}"}
        return self.stack.app(APP, dockerfile, toml=toml, files=files)

    def learn(self) -> None:
        """Note what the newest image answers."""
        newest = self.truth.newest()
        if newest is not None and newest["digest"] is not None:
            self.truth.texts.setdefault(newest["digest"], f"text {self._texts}")

    def deployed(self) -> None:
        """Let something be live."""
        if not self.truth.live():
            self.stack.loco("deploy", self.folder())
            self.learn()

    def replaced(self) -> None:
        """Let something be live, and another image have been before."""
        self.deployed()
        if len({row["digest"] for row in self.truth.deployments() if row["live_at"] is not None}) == 1:
            self.stack.loco("deploy", self.folder())
            self.learn()

    def destroyed(self) -> None:
        if self.truth.app_id is not None:
            self.stack.loco("destroy", "--app", APP, "--confirm", APP)

    def stuck(self) -> None:
        """Let a deployment be rolling out that does not become healthy soon."""
        self.deployed()
        self.stack.loco("deploy", "--detach", self.folder(dockerfile=NEVER_HEALTHY, grace="25s"))
        eventually(lambda: self._newest()["state"] == "rolling", within=30)

    def cancel(self) -> tuple[str | Path, ...]:
        """Give the command that cancels the newest deployment; the CLI has none that outlives it."""
        [team] = self.truth.rows("SELECT name FROM teams")
        path = paths.fill(paths.CANCEL, team=team["name"], app=APP, number=self._newest()["number"])
        with self.stack.client() as client:
            ask = f"""
import httpx, sys
try: httpx.post({self.stack.url + path!r}, headers={dict(client.headers)!r}, timeout=30).raise_for_status()
except httpx.TransportError: sys.exit({UNREACHABLE})
"""
        return sys.executable, "-c", ask

    def _newest(self) -> sqlite3.Row:
        found = self.truth.newest()
        assert found is not None
        return found


@dataclass(frozen=True)
class Operation:
    """What is done from which state, and how it may end.

    `command`: of the CLI, which lives on while the server does not.
    `ends`: from what was live (0: nothing), the newest number now, and how the command ended: what may be live (0:
    nothing; None: there is no app).
    `states`: how the newest number may end; without the last one where the command ended well.
    """

    ready: Callable[[Place], None]
    command: Callable[[Place], tuple[str | Path, ...]]
    ends: Callable[[int, int, int], Collection[int | None]]
    states: tuple[str, ...] = ("live", "cancelled", "expired")
    code: int = 0


def _newest(before: int, newest: int, code: int) -> Collection[int | None]:
    return {newest} if code == 0 else {before, newest}


def _first(before: int, newest: int, code: int) -> Collection[int | None]:
    return {newest} if code == 0 else {newest, 0, None}


def _former(before: int, newest: int, code: int) -> Collection[int | None]:
    return {before}


def _gone(before: int, newest: int, code: int) -> Collection[int | None]:
    return {None} if code == 0 else {None, before}


def _deploy(place: Place, dockerfile: str = HTTPD) -> tuple[str | Path, ...]:
    return BIN / "loco", "deploy", place.folder(dockerfile=dockerfile)


def _scale(place: Place) -> tuple[str | Path, ...]:
    """Two replicas become three, and the next time two again."""
    [live] = [row for row in place.truth.deployments() if row["state"] == "live"]
    replicas = Service.model_validate_json(live["spec"]).scale.least
    return BIN / "loco", "scale", str(5 - replicas), "--app", APP


def _loco(*args: str) -> Callable[[Place], tuple[str | Path, ...]]:
    return lambda _place: (BIN / "loco", *args)


OPERATIONS = {
    "deploy": Operation(Place.deployed, _deploy, _newest),
    "first-deploy": Operation(Place.destroyed, _deploy, _first),
    "failing-deploy": Operation(
        Place.deployed, partial(_deploy, dockerfile=FAILS), _former, ("failed", "cancelled", "expired"), code=6
    ),
    "redeploy": Operation(Place.deployed, _loco("redeploy", "--app", APP), _newest),
    "rollback": Operation(Place.replaced, _loco("rollback", "--app", APP), _newest),
    "scale": Operation(Place.deployed, _scale, _newest),
    "cancel": Operation(Place.stuck, Place.cancel, _former, ("cancelled", "failed")),
    "destroy": Operation(Place.deployed, _loco("destroy", "--app", APP, "--confirm", APP), _gone),
}


@dataclass(frozen=True)
class Crash:
    """One time that it was done: whether the server died, and how the command ended."""

    died: bool
    code: int


def crash(place: Place, operation: Operation, point: str = "") -> Crash:
    """Do it, let the server die at the point, start it again, and see that all agrees in the end.

    Raises:
        AssertionError: it does not within a minute; says what does not.
    """
    operation.ready(place)
    place.arm(point)
    with doing(place, operation) as (begun, agrees):
        eventually(lambda: place.died or agrees(), within=90, every=0.1)
        died = place.died
        place.disarm()
        if died:
            place.stack.start()
            eventually(agrees, within=60, every=0.1)
        code = begun.ended()
    assert code in {operation.code} | ({UNREACHABLE} if died else set()), f"{code} after {point}\n{begun.said}"
    return Crash(died, code)


@contextmanager
def doing(place: Place, operation: Operation) -> Iterator[tuple[Begun, Callable[[], bool]]]:
    """Begin it; give the command, and what tells whether that has ended and all agrees with how it has.

    Raises:
        AssertionError: one was raised in the block; it tells then also what did not agree last.
    """
    before = (place.truth.live() or [0])[0]
    last: list[str] = []
    with place.stack.begin_any(*operation.command(place)) as begun:

        def agrees() -> bool:
            last[:] = _faults(place, operation, before, begun.process.poll())
            return not last

        try:
            yield begun, agrees
        except AssertionError as e:
            told = (str(e), *last, f"points: {place.points[-5:]}", begun.said, place.stack.output()[-3000:])
            raise AssertionError("\n".join(told)) from None


def _faults(place: Place, operation: Operation, before: int, code: int | None) -> list[str]:
    if code is None:
        return ["the command has not ended"]
    place.learn()
    newest = place.truth.newest()
    number, state = (0, "") if newest is None else (newest["number"], newest["state"])
    if state == "created":
        place.truth.let_tickets_end()
    found = place.truth.faults(operation.ends(before, number, code))
    states = operation.states[: -1 if code == operation.code else None]
    if number > before and state not in states:
        found.append(f"v{number} is {state}, and may be {states}")
    return found
