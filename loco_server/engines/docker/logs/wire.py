"""A container's log as the engine sends it, read without a thread: a server may read a thousand of them at once."""

import asyncio
import json
from collections.abc import AsyncGenerator
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from loco_server.engines.base import EngineDownError
from loco_server.engines.docker.client import CALL_TIMEOUT, RefusedError, down

PIECE_BYTES = 16 << 10
"""Of a line that is longer the engine makes pieces of so many bytes, without a line feed but for the last."""
READ_BYTES = 128 << 10
HEAD_BYTES = 64 << 10
_STREAMS = {1: "stdout", 2: "stderr"}
Frames = list[tuple[str, bytes]]


async def frames(url: str, container: str, **params: str | int) -> AsyncGenerator[Frames, None]:
    """Give (`stdout` or `stderr`, the frame) as they come: `follow`, `since`, `tail` as in the engine's API.

    Raises:
        RefusedError: the engine answered with an error.
        EngineDownError: it did not answer. A stream that breaks off later ends: its reader asks again.
    """
    query = urlencode({"stdout": 1, "stderr": 1, "timestamps": 1, **params})
    reader, writer = await connected(url)
    try:
        # HTTP/1.0: the answer is what follows, up to the connection's end, and not in chunks of a frame each.
        writer.write(f"GET /containers/{container}/logs?{query} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                answered = b"" if status == HTTPStatus.OK else await reader.read(HEAD_BYTES)
        except (OSError, TimeoutError, ValueError, LookupError, EOFError, asyncio.LimitOverrunError) as error:
            raise EngineDownError(down(url, error)) from error
        if status != HTTPStatus.OK:
            raise RefusedError(status, said(answered))
        rest = b""
        while data := await _more(reader):
            found, rest = split(rest + data if rest else data)
            if found:
                yield found
    finally:
        writer.transport.abort()


def split(data: bytes) -> tuple[Frames, bytes]:
    """Give the whole frames, and what is begun; a line feed where a run's output ended without: the next run's is no
    part of that line.
    """
    found: Frames = []
    at, end = 0, len(data)
    while end - at >= 8:
        body = at + 8
        length = int.from_bytes(data[at + 4 : body], "big")
        if end - body < length:
            break
        frame, kind = data[body : body + length], data[at]
        if frame:
            if frame[-1] != 10 and length - frame.find(b" ") - 1 < PIECE_BYTES:
                frame += b"\n"
            found.append((_STREAMS.get(kind, "stdout"), frame))
        at = body + length
    return found, data[at:]


async def _more(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(READ_BYTES)
    except OSError:
        return b""


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            if parts.scheme == "unix":
                return await asyncio.open_unix_connection(parts.path, limit=READ_BYTES)
            return await asyncio.open_connection(parts.hostname, parts.port, limit=READ_BYTES)
    except (OSError, TimeoutError) as error:
        raise EngineDownError(down(url, error)) from error


def said(body: bytes) -> str:
    """Give the engine's own words from the body of its refusal."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")
