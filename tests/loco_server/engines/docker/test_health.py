"""The probe's reading of answers, over httpx's own transport."""

from collections.abc import Callable

import httpx
import pytest

from loco_server.engines.docker import health
from loco_server.units import Probe

pytestmark = pytest.mark.anyio

PROBE = Probe(port=8080, path="/healthz", interval=1, timeout=1, grace=1, failures=3)


async def ask(handler: Callable[[httpx.Request], httpx.Response]) -> health.Outcome:
    return await health.answers("10.0.0.2", PROBE, "shop.localhost", httpx.MockTransport(handler))


@pytest.mark.parametrize("status", [200, 204, 304, 399])
async def test_200_to_399_is_healthy(status: int) -> None:
    assert await ask(lambda _: httpx.Response(status)) == health.Healthy()


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_anything_else_is_not_and_shows_its_first_bytes(status: int) -> None:
    outcome = await ask(lambda _: httpx.Response(status, text="x" * 1000))
    assert outcome == health.BadStatus("/healthz", status, "x" * 200)


async def test_it_asks_the_container_under_the_apps_own_host_name() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    await ask(handler)
    assert (asked[0].url.host, asked[0].headers["host"]) == ("10.0.0.2", "shop.localhost")


@pytest.mark.parametrize("location", ["/ok", "ok", "http://shop.localhost/ok", "http://10.0.0.2:8080/ok", "?ok"])
async def test_redirects_on_the_same_host_are_followed(location: str) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/healthz" and not request.url.query:
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200)

    assert await ask(handler) == health.Healthy()


@pytest.mark.parametrize("location", ["https://login.example/", "http://other.localhost/", "https://shop.localhost/"])
async def test_redirects_elsewhere_are_reported(location: str) -> None:
    outcome = await ask(lambda _: httpx.Response(301, headers={"Location": location}))
    assert outcome == health.ForeignRedirect("/healthz", 301, location)


async def test_redirects_in_a_circle_end() -> None:
    outcome = await ask(lambda _: httpx.Response(302, headers={"Location": "/healthz"}))
    assert isinstance(outcome, health.ForeignRedirect)
    assert "more than 5" in outcome.location


async def test_no_http_and_no_answer_in_time_are_told_apart_from_no_connection() -> None:
    def garbage(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("illegal status line")

    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    assert await ask(garbage) == health.Unreachable(
        8080, "no HTTP answer to GET /healthz (illegal status line)", answered=True
    )
    assert await ask(late) == health.Unreachable(8080, "no answer to GET /healthz within 1 s", answered=True)
