"""What the API streams, line by line, and no more held of a line than is wanted: what writes it may be anybody's."""

from collections.abc import AsyncGenerator

import aiohttp

from loco_server.engines.base import EngineDownError
from loco_server.engines.log_lines import LINE_MAX

LOG_LINE = LINE_MAX + 64
"""Bytes of a log's line that are held: its time, and what a reader is given of it."""
EVENT_LINE = 8 << 20
"""Bytes of an event of a watch. The API keeps no object of more than a few MB."""


async def lines(response: aiohttp.ClientResponse, most: int = LOG_LINE) -> AsyncGenerator[tuple[bytes, int], None]:
    """Give each line's first bytes, and how many more it had: one may have no end, and aiohttp's own reader gives up.

    Raises:
        EngineDownError: the connection broke.
    """
    line, cut = bytearray(), 0
    try:
        async for chunk in response.content.iter_any():
            *ends, begun = chunk.split(b"\n")
            for piece in ends:
                if not line and len(piece) <= most:
                    yield piece, 0
                    continue
                cut += _add(line, piece, most)
                yield bytes(line), cut
                line, cut = bytearray(), 0
            cut += _add(line, begun, most)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EngineDownError(f"the stream broke: {str(error) or type(error).__name__}") from error
    if line:
        yield bytes(line), cut


async def events(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Give the events of a watch, each whole.

    Raises:
        EngineDownError: the connection broke, or an event is larger than any object.
    """
    async for line, cut in lines(response, EVENT_LINE):
        if cut:
            raise EngineDownError(f"an event of {len(line) + cut} bytes is larger than any object")
        yield line


async def text(response: aiohttp.ClientResponse) -> str:
    """Give a log that is known to be of few lines.

    Raises:
        EngineDownError: the connection broke.
    """
    found = [
        line.decode(errors="replace") + (f" … ({cut} bytes more)" if cut else "") async for line, cut in lines(response)
    ]
    return "\n".join(found)


def _add(line: bytearray, piece: bytes, most: int) -> int:
    """Put what has room to the line; give the bytes that have none."""
    room = most - len(line)
    line += piece[:room]
    return max(0, len(piece) - room)
