"""A process's streams as the engine gives them, on a connection that it hands over; and those of a connection to a
port. Without a thread and without a queue: what nobody reads stays where it was written.
"""

import asyncio
import json
from typing import Any, Literal

from loco_server.engines.attached import READ_BYTES, Piece
from loco_server.engines.base import EngineDownError
from loco_server.engines.docker.client import CALL_TIMEOUT, RefusedError, down
from loco_server.engines.docker.logs.wire import HEAD_BYTES, connected, said

_HEADER = 8
_STREAMS: dict[int, Literal["stdout", "stderr"]] = {1: "stdout", 2: "stderr"}


class Streams:
    """`framed`: stdout and stderr come in frames, each behind eight bytes of which the first names it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, framed: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._framed = framed
        self._left = 0
        self._of: Literal["stdout", "stderr"] = "stdout"

    async def read(self) -> Piece | None:
        try:
            while self._framed and not self._left:
                header = await self._reader.readexactly(_HEADER)
                self._of = _STREAMS.get(header[0], "stdout")
                self._left = int.from_bytes(header[4:], "big")
            data = await self._reader.read(min(self._left, READ_BYTES) if self._framed else READ_BYTES)
        except (OSError, EOFError):
            return None
        self._left -= len(data) if self._framed else 0
        return (self._of, data) if data else None

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:  # nobody reads it any more
            return

    async def end_input(self) -> None:
        try:
            self._writer.write_eof()
        except OSError:
            return

    def close(self) -> None:
        self._writer.transport.abort()


async def handed_over(url: str, path: str, body: dict[str, Any] | None = None, *, framed: bool) -> Streams:
    """Ask the engine for a connection of its own (`POST`, upgraded to raw TCP).

    Raises:
        RefusedError: the engine answered with an error.
        EngineDownError: it did not answer.
    """
    sent = json.dumps(body or {}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    reader, writer = await connected(url)
    try:
        writer.write(head.encode() + sent)
        async with asyncio.timeout(CALL_TIMEOUT):
            status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            refusal = None if status in {101, 200} else await reader.read(HEAD_BYTES)
    except (OSError, TimeoutError, ValueError, LookupError, EOFError, asyncio.LimitOverrunError) as error:
        writer.transport.abort()
        raise EngineDownError(down(url, error)) from error
    except BaseException:
        writer.transport.abort()
        raise
    if refusal is not None:
        writer.transport.abort()
        raise RefusedError(status, said(refusal))
    return Streams(reader, writer, framed=framed)
