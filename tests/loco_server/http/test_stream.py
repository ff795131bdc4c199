"""A stream of which nothing comes: it is no secret way around what has ended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from loco_server.http import stream
from loco_server.http.stream import Message
from loco_spec.errors import NotAllowed

pytestmark = pytest.mark.anyio


async def silence() -> AsyncIterator[Message | None]:
    await asyncio.Event().wait()
    yield None


async def test_a_silent_stream_is_pinged_and_ends_when_the_access_to_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHECK_EVERY", 0.01)
    asked = 0

    async def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise NotAllowed("ann is suspended: mines coins")

    heard = [text async for text in stream.sse(silence(), check).body_iterator]
    assert set(heard[:-1]) == {b": ping\n\n"}
    assert isinstance(heard[-1], bytes)
    assert heard[-1].startswith(b"event: error\n")
    assert b"ann is suspended: mines coins" in heard[-1]
    assert asked == 3
