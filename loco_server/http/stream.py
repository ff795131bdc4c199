"""Server-sent events (WHATWG HTML, 9.2): one message an item, a comment now and then so that silence is not death."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from loco_spec.errors import LocoError
from loco_spec.events import StreamFault

CHECK_EVERY = 10.0
"""Seconds for which an answer to who may follow a stream is good, and after which silence is broken by a ping."""
EARLY = (0.7, 0.95)
"""After which share of it the next answer is asked for, beside the messages: they do not wait for it, and a thousand
streams that began together do not ask together."""
Check = Callable[[], Awaitable[object]]


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


def sse(messages: AsyncIterator[Message | None], check: Check) -> StreamingResponse:
    """Answer with the messages as they come; an error is the last one, for the headers were sent long before.

    Args:
        messages: None is nothing new.
        check: raises what the request would be refused with by now; asked every some seconds, also in silence.
    """
    return StreamingResponse(
        _bytes(messages, check),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _bytes(messages: AsyncIterator[Message | None], check: Check) -> AsyncIterator[bytes]:
    """Encode, and put a ping wherever nothing comes for a while."""
    yield encode(None)  # the headers and a first byte at once: the client knows that it is connected
    iterator, checked = messages.__aiter__(), time.monotonic()
    waiting = asyncio.ensure_future(anext(iterator, _END))
    checking: asyncio.Future[object] | None = None
    early, begun, pinged = _early(), 0.0, checked
    try:
        while True:
            now = time.monotonic()
            due = pinged + CHECK_EVERY
            due = min(due, checked + (early if checking is None else CHECK_EVERY))
            # No further than to what is next: also in silence a check begins in its own time.
            both: list[asyncio.Future[Any]] = [waiting] if checking is None else [waiting, checking]
            await asyncio.wait(both, timeout=max(0.0, due - now), return_when=asyncio.FIRST_COMPLETED)
            now = time.monotonic()
            if checking is None and now - checked >= early:
                checking, begun = asyncio.ensure_future(check()), now
            if checking is not None and (checking.done() or now - checked >= CHECK_EVERY):
                await checking
                checking, checked, early = None, begun, _early()
            if not waiting.done():
                if now - pinged >= CHECK_EVERY:
                    yield encode(None)
                    pinged = now
                continue
            pinged = now
            item = waiting.result()
            if isinstance(item, _End):
                return
            yield encode(item)
            waiting = asyncio.ensure_future(anext(iterator, _END))
    except LocoError as e:
        yield encode(Message("error", data=StreamFault(problem=e.to_problem())))
    finally:
        tasks: list[asyncio.Future[Any]] = [waiting] if checking is None else [waiting, checking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if hasattr(iterator, "aclose"):
            await iterator.aclose()


def _early() -> float:
    return random.uniform(*EARLY) * CHECK_EVERY  # noqa: S311


class _End:
    pass


_END = _End()
