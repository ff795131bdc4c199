"""Checks run at once, and none of them can stop, break or hold up the others."""

import asyncio
import threading

import pytest

from loco_server.check import running
from loco_server.check.finding import CannotLookError, Finding, ok, unknown
from loco_server.check.running import Check, found, run
from loco_spec.errors import Conflict

pytestmark = pytest.mark.anyio


async def fine() -> Finding:
    return ok("fine", "yes")


async def test_they_run_at_once_and_are_told_in_their_order() -> None:
    second_runs = asyncio.Event()

    async def first() -> Finding:
        await second_runs.wait()
        return ok("first", "done")

    async def second() -> Finding:
        second_runs.set()
        return ok("second", "done")

    told = await found([Check("first", first), Check("second", second)])
    assert [each.name for each in told] == ["first", "second"]
    assert {each.state for each in told} == {"ok"}


async def test_one_that_hangs_is_unknown_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.05)

    async def hangs() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    hung, other = await found([Check("hangs", hangs), Check("fine", fine)])
    assert (hung.state, hung.said) == ("unknown", "no answer within 0.05 s")
    assert other == ok("fine", "yes")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CannotLookError("not allowed", "ask"), unknown("broken", "not allowed", "ask")),
        (Conflict("is taken", hint="stop it"), unknown("broken", "is taken", "stop it")),
        (
            PermissionError(13, "Permission denied", "/x"),
            unknown("broken", "may not be looked at: /x", running.AS_THE_SERVER),
        ),
        (KeyError("x"), unknown("broken", "the check itself stumbled: KeyError: 'x'", "report it, please")),
    ],
)
async def test_what_breaks_one_is_said(error: Exception, told: Finding) -> None:
    async def broken() -> Finding:
        raise error

    assert await found([Check("broken", broken), Check("fine", fine)]) == (told, ok("fine", "yes"))


def test_a_thread_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.05)
    let_go, ended = threading.Event(), threading.Event()

    def blocks() -> None:
        let_go.wait(60)
        ended.set()

    async def hangs() -> Finding:
        await asyncio.to_thread(blocks)
        return ok("hangs", "no")

    try:
        [hung] = run(lambda: found([Check("hangs", hangs)]))
        assert hung.state == "unknown"
        assert not ended.is_set()
    finally:
        let_go.set()
    assert ended.wait(10)


def test_what_a_thread_gives_and_raises_comes_back() -> None:
    async def work() -> int:
        with pytest.raises(ValueError, match="invalid literal"):
            await asyncio.to_thread(int, "x")
        return await asyncio.to_thread(len, "abc")

    assert run(work) == 3
