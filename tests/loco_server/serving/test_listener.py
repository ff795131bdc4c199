"""The API's listener: whose address it takes for the client's."""

import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from loco_server.serving.listener import Listener

pytestmark = pytest.mark.anyio


async def show(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(request.client.host)


async def test_nobody_on_this_machine_can_claim_another_address() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    listener = Listener(Starlette(routes=[Route("/", show)]), bound)
    await listener.start()
    async with httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        answer = await client.get(url, headers={"x-forwarded-for": "203.0.113.7"})
    await listener.stop()
    assert answer.text == "127.0.0.1"


def test_an_answer_in_two_writes_waits_for_no_acknowledgement() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    Listener(Starlette(), bound)
    with bound, socket.create_connection(bound.getsockname()), bound.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
