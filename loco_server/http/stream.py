"""Server-sent events (WHATWG HTML, 9.2): one message an item, a comment now and then so that silence is not death."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import StreamingResponse

PING_EVERY = 15.0


@dataclass(frozen=True)
class Message:
    event: str
    id: str | None = None
    data: BaseModel | None = None


def encode(message: Message | None) -> bytes:
    """Give the message's bytes; None is a ping."""
    if message is None:
        return b": ping\n\n"
    data = "{}" if message.data is None else message.data.model_dump_json()
    id_line = "" if message.id is None else f"id: {message.id}\n"
    return f"event: {message.event}\n{id_line}data: {data}\n\n".encode()


def sse(messages: AsyncIterator[Message | None]) -> StreamingResponse:
    """Answer with the messages as they come."""
    return StreamingResponse(
        _bytes(messages),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _bytes(messages: AsyncIterator[Message | None]) -> AsyncIterator[bytes]:
    """Encode, and put a ping wherever nothing comes for a while."""
    yield encode(None)  # the headers and a first byte at once: the client knows that it is connected
    iterator = messages.__aiter__()
    waiting = asyncio.ensure_future(anext(iterator, _END))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=PING_EVERY)
            if not done:
                yield encode(None)
                continue
            item = waiting.result()
            if isinstance(item, _End):
                return
            yield encode(item)
            waiting = asyncio.ensure_future(anext(iterator, _END))
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if hasattr(iterator, "aclose"):
            await iterator.aclose()


class _End:
    pass


_END = _End()
