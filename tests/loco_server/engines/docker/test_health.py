"""The probe's reading of answers, over httpx's own transport."""

import asyncio
import dataclasses
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from loco_server.engines.docker import health
from loco_server.engines.facts import BadStatus, ForeignRedirect, Healthy, NotHttp, Outcome, Unreachable
from loco_server.units import Probe
from tests.certificates import Authority

pytestmark = pytest.mark.anyio

PROBE = Probe(port=8080, path="/healthz", interval=1, timeout=1, grace=1, failures=3)


async def ask(handler: Callable[[httpx.Request], httpx.Response]) -> Outcome:
    return await health.answers("10.0.0.2", PROBE, "shop.localhost", httpx.MockTransport(handler))


@pytest.mark.parametrize("status", [200, 204, 304, 399])
async def test_200_to_399_is_healthy(status: int) -> None:
    assert await ask(lambda _: httpx.Response(status)) == Healthy()


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_anything_else_is_not_and_shows_its_first_bytes(status: int) -> None:
    outcome = await ask(lambda _: httpx.Response(status, text="x" * 1000))
    assert outcome == BadStatus("/healthz", status, "x" * 200, httpx.codes.get_reason_phrase(status))


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

    assert await ask(handler) == Healthy()


@pytest.mark.parametrize("location", ["https://login.example/", "http://other.localhost/", "https://shop.localhost/"])
async def test_redirects_elsewhere_are_reported(location: str) -> None:
    outcome = await ask(lambda _: httpx.Response(301, headers={"Location": location}))
    assert outcome == ForeignRedirect("/healthz", 301, location)


async def test_redirects_in_a_circle_end() -> None:
    outcome = await ask(lambda _: httpx.Response(302, headers={"Location": "/healthz"}))
    assert isinstance(outcome, ForeignRedirect)
    assert "more than 5" in outcome.location


async def test_no_answer_in_time_is_told_apart_from_no_connection() -> None:
    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    assert await ask(late) == Unreachable(8080, "no answer to GET /healthz within 1 s", answered=True)


@asynccontextmanager
async def speaking(words: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[Probe]:
    """Something on loopback that answers everything with these bytes."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=context)
    async with server:
        yield dataclasses.replace(PROBE, port=server.sockets[0].getsockname()[1])


async def given_up(probe: Probe) -> Outcome:
    return await health.looked_into("127.0.0.1", probe, await health.answers("127.0.0.1", probe, None))


async def test_what_is_no_http_is_asked_with_one_connection_until_it_is_given_up() -> None:
    connections = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(1000)
        writer.write(b"SSH-2.0-dropbear\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        probe = dataclasses.replace(PROBE, port=server.sockets[0].getsockname()[1])
        outcome = await health.answers("127.0.0.1", probe, None)
        assert (connections, health.is_strange(outcome)) == (1, True)
        assert isinstance(await health.looked_into("127.0.0.1", probe, outcome), NotHttp)
        assert connections == 3


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (b"SSH-2.0-dropbear\r\n", "SSH-2.0-dropbear\\r\\n"),
        (b"\x1b[2J\xff\x00", "\\x1b[2J\xff\\x00"),
        (b"x" * 1000, "x" * health.RAW),
    ],
)
async def test_what_is_no_http_is_shown_with_its_first_bytes_escaped(words: bytes, shown: str) -> None:
    async with speaking(words) as probe:
        assert await given_up(probe) == NotHttp(probe.port, shown)


async def test_what_closes_without_a_word_has_given_no_answer() -> None:
    async with speaking(b"") as probe:
        outcome = await given_up(probe)
    assert isinstance(outcome, Unreachable)
    assert outcome.answered
    assert outcome.reason.startswith("no HTTP answer to GET /healthz (")


async def test_tls_is_known_by_a_handshake_and_by_what_servers_say_of_plain_http(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority().pair("app").write(tmp_path))
    async with speaking(b"HTTP/1.1 200 OK\r\n\r\n", context) as probe:
        outcome = await given_up(probe)
    assert isinstance(outcome, NotHttp)
    assert outcome.tls
    said = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    async with speaking(said) as probe:
        outcome = await health.answers("127.0.0.1", probe, None)
    assert isinstance(outcome, NotHttp)
    assert outcome.tls
