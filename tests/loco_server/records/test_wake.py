"""Who waits for a change hears of it, also where it came between the look and the waiting."""

import asyncio

import pytest

from loco_server.records.wake import Wake

pytestmark = pytest.mark.anyio


async def test_a_change_during_a_look_is_not_slept_over() -> None:
    wake = Wake()
    change = wake.next
    wake.all()
    async with asyncio.timeout(5):
        await wake.wait(at_most=60, change=change)


async def test_a_change_before_the_look_is_not_waited_for_again() -> None:
    wake = Wake()
    wake.all()
    change, waited = wake.next, asyncio.Event()

    async def wait() -> None:
        await wake.wait(at_most=60, change=change)
        waited.set()

    waiting = asyncio.create_task(wait())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waited.is_set()
    wake.all()
    async with asyncio.timeout(5):
        await waiting
