"""Server-sent events (WHATWG HTML, 9.2): one message an item, a comment now and then so that silence is not death."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from loco_spec.errors import LocoError
from loco_spec.events import StreamFault

PING_EVERY = 15.0
CHECK_EVERY = 10.0
"""Seconds for which an answer to who may follow a stream is good."""


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
    """Answer with the messages as they come; an error is the last one, for the headers were sent long before."""
    return StreamingResponse(
        _bytes(messages),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def while_allowed(
    messages: AsyncIterator[Message | None], check: Callable[[], Awaitable[object]]
) -> AsyncIterator[Message | None]:
    """Give the messages until `check` raises; it is asked with a message (or a ping) every some seconds."""
    checked = time.monotonic()
    async for message in messages:
        if time.monotonic() - checked >= CHECK_EVERY:
            await check()
            checked = time.monotonic()
        yield message


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
            try:
                item = waiting.result()
            except LocoError as e:
                yield encode(Message("error", data=StreamFault(problem=e.to_problem())))
                return
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
