"""A stream of which nothing comes: it is no secret way around what has ended."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from loco_server.http import stream
from loco_server.http.stream import Message
from loco_server.records.tables import TOKENS
from loco_spec.errors import NotAllowed, NotSignedIn
from tests.loco_server.http.api import Api, refused
from tests.waiting import eventually_async

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


async def test_silent_streams_that_began_together_do_not_ask_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHECK_EVERY", 0.5)
    early = iter([0.05, 0.45])
    monkeypatch.setattr(stream, "_early", lambda: next(early, 0.45))
    asked: list[float] = []
    pings = [0, 0]

    async def check() -> None:
        asked.append(time.monotonic())

    async def listen(number: int) -> None:
        async for _ in stream.sse(silence(), check).body_iterator:
            pings[number] += 1

    async def both_asked_and_pinged() -> bool:
        return len(asked) >= 2 and min(pings) >= 2  # the first byte, and then one for the silence

    listening = [asyncio.create_task(listen(number)) for number in range(2)]
    await eventually_async(both_asked_and_pinged)
    assert max(pings) == 2  # a check that comes early breaks no silence
    for each in listening:
        each.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    assert asked[1] - asked[0] > 0.2


async def test_messages_wait_for_an_answer_only_once_the_last_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(stream, "EARLY", (0.1, 0.1))
    asked, answered = asyncio.Event(), asyncio.Event()

    async def check() -> None:
        asked.set()
        await answered.wait()

    async def messages() -> AsyncIterator[Message | None]:
        while True:
            await asyncio.sleep(0.001)
            yield None

    heard = 0

    async def listen() -> None:
        nonlocal heard
        async for _ in stream.sse(messages(), check).body_iterator:
            heard += 1

    async def goes_on() -> bool:
        before = heard
        await asyncio.sleep(0.05)
        return heard > before

    async def stands() -> bool:
        return not await goes_on()

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(asked.wait(), 10)
    assert await goes_on()
    await eventually_async(stands)
    answered.set()
    await eventually_async(goes_on)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


@pytest.mark.parametrize(("ended", "goes_on"), [(timedelta(minutes=5), True), (timedelta(hours=2), False)])
async def test_what_was_begun_goes_on_past_its_tokens_time_for_an_hour(
    server: Api, ann: httpx.AsyncClient, ended: timedelta, *, goes_on: bool
) -> None:
    token = ann.headers["authorization"].removeprefix("Bearer ")
    async with server.records.database.write() as db:
        await db.execute(update(TOKENS).values(expires_at=datetime.now(UTC) - ended))
    assert isinstance(refused(await ann.get("/v1/me")), NotSignedIn)
    if goes_on:
        assert (await server.login.caller(token, begun=True)).user.login == "ann"
    else:
        with pytest.raises(NotSignedIn):
            await server.login.caller(token, begun=True)
    async with server.records.database.write() as db:
        await db.execute(update(TOKENS).values(expires_at=None, revoked_at=datetime.now(UTC)))
    with pytest.raises(NotSignedIn):
        await server.login.caller(token, begun=True)
