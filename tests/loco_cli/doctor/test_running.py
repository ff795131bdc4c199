"""Checks side by side: each has its time, and none hides another."""

import threading
import time
from collections.abc import Iterator

import pytest

from loco_cli.doctor.running import CannotLookError, Check, Once, found
from loco_cli.ui.results import Finding
from loco_spec.errors import LocoError


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What a look may wait for that hangs; the test's end lets it go."""
    event = threading.Event()
    yield event
    event.set()


def fine(name: str) -> Finding:
    return Finding(name=name, state="ok", message="fine")


def test_one_that_hangs_is_late_and_the_others_are_found(never: threading.Event) -> None:
    def hangs() -> Finding:
        never.wait(60)
        return fine("never")

    began = time.monotonic()
    checks = [
        Check("server", hangs, late="wrong", fix="look at the network", seconds=0.1),
        Check("dns", hangs, seconds=0.1),
        Check("disk", lambda: fine("disk")),
    ]
    server, dns, disk = found(checks)
    assert time.monotonic() - began < 5
    assert (server.state, server.message, server.fix) == ("wrong", "no answer within 0.1 s", "look at the network")
    assert (dns.state, disk) == ("unknown", fine("disk"))


def test_what_stops_a_check_is_told_by_what_it_is() -> None:
    def refuses() -> Finding:
        raise LocoError("it is not there", hint="make it")

    def cannot() -> Finding:
        raise CannotLookError("the server does not answer")

    def stumbles() -> Finding:
        raise ZeroDivisionError("0")

    several = Check("dns", lambda: [fine("dns"), fine("dns")])
    first, second, third, *rest = found([Check("a", refuses), Check("b", cannot), Check("c", stumbles), several])
    assert (first.state, first.message, first.fix) == ("wrong", "it is not there", "make it")
    assert (second.state, second.message) == ("unknown", "the server does not answer")
    assert (third.state, third.message) == ("unknown", "the check itself stumbled: ZeroDivisionError: 0")
    assert rest == [fine("dns"), fine("dns")]


def test_what_several_checks_need_is_asked_once_and_fails_for_each() -> None:
    asked = []

    def ask() -> int:
        asked.append(1)
        raise LocoError("away")

    once = Once(ask)
    assert once.so_far is None
    states = {each.state for each in found([Check(str(n), lambda: fine(str(once()))) for n in range(5)])}
    assert (states, asked, once.so_far) == ({"wrong"}, [1], None)
    assert Once(lambda: 3)() == 3
