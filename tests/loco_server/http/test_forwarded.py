"""Whose address the server takes for the client's, behind its own Envoy."""

from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from loco_server.http.forwarded import behind_envoy, behind_proxies

pytestmark = pytest.mark.anyio


async def show(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(f"{request.client.host} {request.url.scheme}")


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ([("x-forwarded-for", "203.0.113.7")], "203.0.113.7 https"),
        ([("x-forwarded-for", "10.0.0.1, 203.0.113.7")], "203.0.113.7 https"),
        ([("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "2001:db8::1")], "2001:db8::1 https"),
        ([], " https"),
    ],
)
async def test_it_is_what_envoy_appended_and_nothing_that_came_before(
    headers: list[tuple[str, str]], seen: str
) -> None:
    app = behind_envoy(Starlette(routes=[Route("/", show)]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loco") as client:
        assert (await client.get("/", headers=headers)).text == seen


@pytest.mark.parametrize(
    ("peer", "headers", "seen"),
    [
        ("10.1.2.3", [("x-forwarded-for", "198.51.100.1, 203.0.113.7")], "203.0.113.7 https"),
        ("::ffff:10.1.2.3", [("x-forwarded-for", "203.0.113.7")], "203.0.113.7 https"),
        ("10.1.2.3", [], "10.1.2.3 http"),
        ("192.0.2.9", [("x-forwarded-for", "203.0.113.7")], "192.0.2.9 http"),
        ("not an address", [("x-forwarded-for", "203.0.113.7")], "not an address http"),
    ],
)
async def test_on_a_port_that_others_can_open_only_a_proxy_is_believed(
    peer: str, headers: list[tuple[str, str]], seen: str
) -> None:
    app = behind_proxies(Starlette(routes=[Route("/", show)]), [ip_network("10.0.0.0/8")])
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://loco") as client:
        assert (await client.get("/", headers=headers)).text == seen
