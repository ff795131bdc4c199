"""Answers that never end, at the end of the server."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from loco_server.cluster.followers import GOODBYE, Followers

pytestmark = pytest.mark.anyio


class Server:
    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.left = False
        routes = [Route("/follow", self.follow), Route("/slow", self.slow), Route("/fails", self.fails)]
        self.app = Followers(Starlette(routes=routes))

    async def follow(self, _request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[bytes]:
        try:
            yield b"event: event\ndata: {}\n\n"
            await asyncio.Event().wait()
        finally:
            self.left = True

    async def slow(self, _request: Request) -> Response:
        await self.let.wait()
        return PlainTextResponse("done")

    async def fails(self, _request: Request) -> Response:
        raise LookupError("a defect")

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://loco")


async def test_who_follows_is_sent_on_and_who_waits_for_an_answer_gets_it() -> None:
    server = Server()
    async with asyncio.timeout(10), server.client() as client:
        followed, waited = (asyncio.create_task(client.get(path)) for path in ("/follow", "/slow"))
        for _ in range(20):
            await asyncio.sleep(0)
        server.app.end()
        answer = await followed
        assert answer.content == b"event: event\ndata: {}\n\n" + GOODBYE
        assert server.left
        assert not waited.done()
        server.let.set()
        assert (await waited).text == "done"


async def test_who_begins_to_follow_at_the_end_is_sent_on_at_once() -> None:
    server = Server()
    server.app.end()
    async with asyncio.timeout(10), server.client() as client:
        assert (await client.get("/follow")).content.endswith(GOODBYE)


async def test_a_defect_is_raised_as_ever() -> None:
    async with Server().client() as client:
        with pytest.raises(LookupError, match="a defect"):
            await client.get("/fails")
