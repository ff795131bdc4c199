"""What takes its time is told of, and is not begun twice or left behind."""

import asyncio

import pytest

from loco_server.engines.docker import instances
from loco_server.engines.docker.instances import told_when_late

pytestmark = pytest.mark.anyio


async def test_what_is_done_at_once_is_not_told_of() -> None:
    async def work() -> int:
        return 143

    async def tell() -> None:
        raise AssertionError("nobody had to wait")

    assert await told_when_late(work(), tell) == 143


async def test_what_is_late_is_told_of_once_and_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "LATE_SECONDS", 0.01)
    told, going_on = 0, asyncio.Event()

    async def work() -> int:
        await going_on.wait()
        return 137

    async def tell() -> None:
        nonlocal told
        told += 1
        going_on.set()

    assert await told_when_late(work(), tell) == 137
    assert told == 1


async def test_what_is_given_up_meanwhile_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "LATE_SECONDS", 0.01)
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async def tell() -> None:
        raise RuntimeError("it is another server's by now")

    with pytest.raises(RuntimeError, match="another server's"):
        await told_when_late(work(), tell)
    assert ended
