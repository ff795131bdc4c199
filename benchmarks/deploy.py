"""A deploy of examples/hello beside the same by hand: build, push, run, and ask until it answers.

By hand it is the same engine and builder, a registry of the same program without a gateway, and a container without a
route, limits or a fence. The container before it is ended outside of what is timed; `loco deploy` drains and ends it
before it says that the new one is live.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.measured import Measured, Row
from benchmarks.parts import BASE, docker_cli, engine, platform
from benchmarks.timing import compared, in_turn, seconds
from tests.e2e.stack import Stack
from tests.private_registry import private_registry

ROUNDS = 9
HELLO = Path(__file__).parents[1] / "examples" / "hello"
CHANGED_LIMIT, UNCHANGED_SECONDS, STATUS_SECONDS = 1.3, 0.6, 0.35
ARGS = ("--build-arg", f"BASE={BASE}")


class ByHand:
    """What a person would type, in a folder of examples/hello."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.folder = folder
        self.image = f"{registry}/hello"
        self._cli = docker_cli()
        self._client = engine()
        self._containers: list[str] = []

    def close(self) -> None:
        for container in list(self._containers):
            self.end(container)
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

    def end(self, container: str) -> None:
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


def change(folder: Path, number: int) -> None:
    """Change one line of what the app says."""
    text = (HELLO / "www/cgi-bin/index.cgi").read_text(encoding="utf-8")
    (folder / "www/cgi-bin/index.cgi").write_text(text.replace("Hello", f"Hello {number}"), encoding="utf-8")


def copy(stack: Stack, name: str) -> Path:
    return Path(shutil.copytree(HELLO, stack.folder / "apps" / name))


def measure() -> Iterator[Row]:
    numbers = count(1)
    with platform() as stack, private_registry() as registry:
        own, by_hand = copy(stack, "hello"), ByHand(copy(stack, "by-hand"), registry.host)

        def ours() -> float:
            change(own, next(numbers))
            return seconds(lambda: stack.loco("deploy", *ARGS, cwd=own))

        def raw() -> float:
            number = next(numbers)
            change(by_hand.folder, number)
            container = ""

            def work() -> None:
                nonlocal container
                container = by_hand.deploy(f"v{number}")

            took = seconds(work)
            by_hand.end(container)
            return took

        try:
            ours()
            raw()
            times = in_turn({"ours": ours, "raw": raw}, ROUNDS)
        finally:
            by_hand.close()
        name = "a changed line: deploy / docker build, push, run, answer"
        yield Measured(name, times["ours"], times["raw"], CHANGED_LIMIT)
        yield compared(
            "nothing changed: deploy",
            lambda: stack.loco("deploy", *ARGS, cwd=own),
            rounds=ROUNDS,
            limit=UNCHANGED_SECONDS,
        )
        yield compared(
            "loco status, signed in", lambda: stack.loco("status", cwd=own), rounds=ROUNDS, limit=STATUS_SECONDS
        )
