"""What runs beside the requests: its end, and what is said of one that came too early."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from loco_server.serving.process import in_background

pytestmark = pytest.mark.anyio


async def test_what_runs_beside_ends_with_the_stack_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with AsyncExitStack() as stack:
        in_background(stack, work())
        await asyncio.sleep(0)
    assert ended.is_set()
    assert not caplog.records


async def test_what_ends_by_a_fault_says_so_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def watching() -> None:
        raise RuntimeError("surprise")

    async with AsyncExitStack() as stack:
        in_background(stack, watching())
        for _ in range(3):
            await asyncio.sleep(0)
        [said] = caplog.records
    assert "watching" in said.getMessage()
    assert said.exc_info is not None
