"""Is it healthy? Asked from outside the container, at its own address."""

import asyncio
import os
import re
import ssl
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from loco_server.engines.facts import BadStatus, ForeignRedirect, Healthy, NotHttp, Outcome, Unreachable
from loco_server.units import Probe, Unit

REDIRECTS = 5
BODY = 200
"""Bytes of a failing answer that are shown."""
RAW = 60
"""Of one that is no HTTP."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Each client would read the certificates of all authorities, for plain HTTP too: that is 19 ms a question."""
_NO_HTTP = "no HTTP answer to GET"
_WANTS_TLS = re.compile("HTTP request (?:was sent )?to (?:an )?HTTPS (?:port|server)")
"""How nginx, Go and others answer in HTTP what came without TLS."""


async def check(address: str, unit: Unit) -> Outcome:
    """Ask once: the probe, and whether every routed port takes connections."""
    probe = unit.probe
    routed = {route.port for route in unit.routes}
    ports = {probe.port, *(port.port for port in unit.ports if port.name in routed)}
    for port in sorted(ports, key=lambda number: number != probe.port):
        outcome = await connects(address, port, probe.timeout)
        if not isinstance(outcome, Healthy):
            return outcome
    speaks_http = {port.port: port.protocol == "http" for port in unit.ports}.get(probe.port, True)
    # h2c and gRPC answer no HTTP/1.1: an accepted connection is all that is asked of them.
    if probe.path is None or not speaks_http:
        return Healthy()
    return await answers(address, probe, unit.routes[0].host if unit.routes else None)


async def connects(address: str, port: int, timeout: float) -> Healthy | Unreachable:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return Unreachable(port, f"no connection within {timeout:g} s")
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        return Unreachable(port, words.lower())
    writer.close()
    return Healthy()


async def answers(
    address: str, probe: Probe, host: str | None, transport: httpx.AsyncBaseTransport | None = None
) -> Outcome:
    """GET the path as the edge would (the app's own host name); follow redirects that stay on the host."""
    base = f"http://{address}:{probe.port}"
    headers = {"Host": host or f"{address}:{probe.port}", "User-Agent": "loco-health", "Connection": "close"}
    own = {address, host or address}
    path = probe.path or "/"
    try:
        async with (
            asyncio.timeout(probe.timeout),
            httpx.AsyncClient(transport=transport, trust_env=False, verify=_NO_TLS, timeout=probe.timeout) as client,
        ):
            url = path
            for _ in range(REDIRECTS + 1):
                async with client.stream("GET", base + url, headers=headers) as response:
                    location = response.headers.get("location")
                    if response.status_code >= 400 or response.status_code < 200:
                        body = await _first_bytes(response)
                        if _WANTS_TLS.search(body):
                            return NotHttp(probe.port, body, tls=True)
                        return BadStatus(path, response.status_code, body, response.reason_phrase)
                    if not response.is_redirect or location is None:
                        return Healthy()
                target = urlsplit(urljoin(f"http://{host or address}{url}", location))
                if target.hostname not in own or target.scheme != "http":
                    return ForeignRedirect(path, response.status_code, location)
                url = (target.path or "/") + (f"?{target.query}" if target.query else "")
            return ForeignRedirect(path, response.status_code, f"{location} (more than {REDIRECTS} redirects)")
    except (TimeoutError, httpx.TimeoutException):
        return Unreachable(probe.port, f"no answer to GET {path} within {probe.timeout:g} s", answered=True)
    except (httpx.ReadError, httpx.RemoteProtocolError):  # which of the two is the kernel's whim
        return _no_http(probe, "the connection was closed without an answer")
    except httpx.HTTPError as error:
        return _no_http(probe, str(error) or type(error).__name__)


def _no_http(probe: Probe, said: str) -> Unreachable:
    return Unreachable(probe.port, f"{_NO_HTTP} {probe.path} ({said})", answered=True)


def is_strange(outcome: Outcome) -> bool:
    """Whether something answered that was no HTTP."""
    return isinstance(outcome, Unreachable) and outcome.reason.startswith(_NO_HTTP)


async def looked_into(address: str, probe: Probe, outcome: Outcome) -> Outcome:
    """Find out what it is that does not answer in HTTP: two connections more, made once an instance is given up."""
    if not is_strange(outcome):
        return outcome
    taken = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    taken.check_hostname, taken.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(probe.timeout):
            _, writer = await asyncio.open_connection(address, probe.port, ssl=taken)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        return NotHttp(probe.port, f"no HTTP; it takes {version}", tls=True)
    except (OSError, TimeoutError):  # an SSLError is an OSError
        answer = await _raw(address, probe)
    return NotHttp(probe.port, answer) if answer else outcome


async def _raw(address: str, probe: Probe) -> str:
    """Give the first bytes that come back to a request, as a program would write them."""
    try:
        async with asyncio.timeout(probe.timeout):
            reader, writer = await asyncio.open_connection(address, probe.port)
            try:
                writer.write(b"GET / HTTP/1.1\r\nHost: probe\r\n\r\n")
                found = await reader.read(RAW)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return ""
    return repr(found.decode("latin-1"))[1:-1]


async def _first_bytes(response: Any) -> str:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= BODY:
            break
    return body[:BODY].decode(errors="replace").strip()
