"""A rollback beside running the old image again by hand, and what requests notice of redeploys."""

import http.client
import threading
import time
from collections.abc import Iterator
from typing import Self

from benchmarks.deploy import ARGS, ByHand, change, copy
from benchmarks.measured import Measured, Row
from benchmarks.parts import platform
from benchmarks.timing import in_turn, seconds
from tests.e2e.stack import Stack
from tests.private_registry import private_registry

ROUNDS, REDEPLOYS, VISITORS = 7, 5, 4


def measure() -> Iterator[Row]:
    with platform() as stack, private_registry() as registry:
        own, by_hand = copy(stack, "hello"), ByHand(copy(stack, "by-hand"), registry.host)
        serves, tag = "", ""
        try:
            for number in (1, 2):
                change(own)
                stack.loco("deploy", *ARGS, cwd=own)
                change(by_hand.folder)
                if serves:
                    by_hand.end(serves)
                tag = f"v{number}"
                serves = by_hand.deploy(tag)

            def ours() -> float:
                return seconds(lambda: stack.loco("rollback", "--yes", cwd=own))

            def work() -> None:
                """Run the image that served before, and end what serves now."""
                nonlocal serves
                before, serves = serves, by_hand.run(tag)
                by_hand.end(before)

            def raw() -> float:
                nonlocal tag
                tag = "v1" if tag == "v2" else "v2"
                return seconds(work)

            times = in_turn({"ours": ours, "raw": raw}, ROUNDS)
        finally:
            by_hand.close()
        name = "rollback / run of the old image, answer, end of the new"
        yield Measured(name, times["ours"], times["raw"])
        with Visitors(stack, "hello") as visitors:
            for _ in range(REDEPLOYS):
                stack.loco("redeploy", cwd=own)
        name = f"requests failed during {REDEPLOYS} redeploys"
        yield Measured(name, len(visitors.failed), limit=0, unit="", note=f"of {visitors.asked:,}")


class Visitors:
    """Ask an app again and again while the block runs: half of them over one connection each, half over a new one."""

    def __init__(self, stack: Stack, app: str) -> None:
        self._port, self._host = stack.edge, f"{app}.localhost:{stack.edge}"
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(number % 2 == 0,)) for number in range(VISITORS)]
        self.asked = 0
        self.failed: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, keeps: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._ending.is_set():
            try:
                connection.request("GET", "/", headers={"host": self._host})
                answer = connection.getresponse()
                answer.read()
                if answer.status != http.HTTPStatus.OK:
                    self.failed.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            if not keeps:
                connection.close()
            self.asked += 1
            time.sleep(0.005)
