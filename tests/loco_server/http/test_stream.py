"""A stream of which nothing comes: it is no secret way around what has ended."""

import asyncio
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
