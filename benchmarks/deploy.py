"""A deploy of examples/hello beside the same by hand: build, push, run, and ask until it answers.

By hand it is the same engine and builder, a registry of the same program without a gateway, and a container without a
route, limits or a fence. `loco deploy` drains and ends the container before it, too, before it says that the new one is
live; by hand that is timed only where the row says so.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.measured import Measured, Row
from benchmarks.parts import BASE, docker_cli, engine, platform
from benchmarks.timing import compared, in_turn, seconds
from tests.e2e.stack import Stack
from tests.private_registry import private_registry

ROUNDS, COMPILED_ROUNDS = 9, 3
HELLO = Path(__file__).parents[1] / "examples" / "hello"
COMPILE_SECONDS = 3
CHANGED_LIMIT, ADDED_SECONDS, UNCHANGED_SECONDS, STATUS_SECONDS = 1.3, 1.0, 0.6, 0.35
ARGS = ("--build-arg", f"BASE={BASE}")


class ByHand:
    """What a person would type, in a folder of examples/hello."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.folder = folder
        self.image = f"{registry}/{folder.name}"
        self._cli = docker_cli()
        self._client = engine()
        self._containers: list[str] = []

    def close(self) -> None:
        self.end(*self.running)
        for tag in [tag for found in self._client.images.list(self.image) for tag in found.tags]:
            if tag.startswith(self.image):  # the same image may be the app's, too
                self._client.images.remove(tag)
        self._client.close()

    def docker(self, *argv: str | Path) -> str:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        return subprocess.run([self._cli, *argv], check=True, capture_output=True, text=True, env=environment).stdout

    def deploy(self, tag: str) -> str:
        """Build, push, run and wait; give the container."""
        image = f"{self.image}:{tag}"
        self.docker("build", "-q", *ARGS, "-t", image, self.folder)
        self.docker("push", "-q", image)
        return self.run(tag)

    def run(self, tag: str) -> str:
        container = self.docker("run", "-d", f"{self.image}:{tag}").strip()
        self._containers.append(container)
        found = self._client.api.inspect_container(container)
        answers(f"http://{found['NetworkSettings']['IPAddress']}:8080/")
        return container

    @property
    def running(self) -> list[str]:
        return list(self._containers)

    def end(self, *containers: str) -> None:
        for container in containers:
            self.docker("rm", "-f", container)
            self._containers.remove(container)


def answers(url: str) -> None:
    """Ask until the answer is 200, without a pause that would be felt."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except URLError:
            time.sleep(0.005)
    raise AssertionError(f"{url} does not answer")


def change(folder: Path) -> None:
    """Change one line of what the app says, to what no build has seen."""
    text = (HELLO / "www/cgi-bin/index.cgi").read_text(encoding="utf-8")
    (folder / "www/cgi-bin/index.cgi").write_text(text.replace("Hello", f"Hello {time.time_ns()}"), encoding="utf-8")


def copy(stack: Stack, name: str) -> Path:
    return Path(shutil.copytree(HELLO, stack.folder / "apps" / name))


def compiled(folder: Path) -> None:
    """Let the build take as long as a small compiler does, whenever a line has changed."""
    path = folder / "Dockerfile"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("COPY www /www\n", f"COPY www /www\nRUN sleep {COMPILE_SECONDS}\n"), encoding="utf-8")


def changed(stack: Stack, name: str, by_hand: ByHand, *, rounds: int) -> dict[str, float]:
    """Deploy a changed line again and again: `ours`, and by hand `raw`, and `whole` with the end of the one before."""
    numbers, own = count(1), stack.folder / "apps" / name

    def ours() -> float:
        change(own)
        return seconds(lambda: stack.loco("deploy", *ARGS, cwd=own))

    ended: list[float] = []

    def raw() -> float:
        change(by_hand.folder)
        before = by_hand.running
        took = seconds(lambda: by_hand.deploy(f"v{next(numbers)}"))
        ended.append(took + seconds(lambda: by_hand.end(*before)))
        return took

    ours()
    raw()
    ended.clear()
    times = in_turn({"ours": ours, "raw": raw}, rounds)
    return {**times, "whole": median(ended)}


def measure() -> Iterator[Row]:
    with platform() as stack, private_registry() as registry:
        own, slow = copy(stack, "hello"), copy(stack, "compiled")
        by_hand, by_hand_slow = (ByHand(copy(stack, name), registry.host) for name in ("by-hand", "compiled-by-hand"))
        for folder in (slow, by_hand_slow.folder):
            compiled(folder)
        (slow / "loco.toml").write_text((slow / "loco.toml").read_text().replace("hello", "compiled"))
        try:
            times = changed(stack, "hello", by_hand, rounds=ROUNDS)
            longer = changed(stack, "compiled", by_hand_slow, rounds=COMPILED_ROUNDS)
        finally:
            by_hand.close()
            by_hand_slow.close()
        ours, raw = times["ours"], times["raw"]
        yield Measured("a changed line: deploy / docker build, push, run, answer", ours, raw)
        yield Measured("  with the end of the container before, by hand too", ours, times["whole"])
        yield Measured("  what the deploy adds to build, push, run, answer", ours - raw, limit=ADDED_SECONDS)
        name = f"  of an app that compiles for {COMPILE_SECONDS} s"
        yield Measured(name, longer["ours"], longer["raw"], CHANGED_LIMIT)
        yield compared(
            "nothing changed: deploy",
            lambda: stack.loco("deploy", *ARGS, cwd=own),
            rounds=ROUNDS,
            limit=UNCHANGED_SECONDS,
        )
        yield compared(
            "loco status, signed in", lambda: stack.loco("status", cwd=own), rounds=ROUNDS, limit=STATUS_SECONDS
        )
