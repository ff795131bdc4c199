"""Wait for a state by asking for it, never by sleeping a guessed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], *, within: float = 10, every: float = 0.05) -> T:
    """Ask until the answer is true, and give it.

    Raises:
        AssertionError: it never was, within so many seconds; carries the last answer.
    """
    deadline = time.monotonic() + within
    while not (answer := check()):
        assert time.monotonic() < deadline, f"not within {within} s; the last answer was {answer!r}"
        time.sleep(every)
    return answer


async def eventually_async(check: Callable[[], Awaitable[T]], *, within: float = 10, every: float = 0.05) -> T:
    """The same for a check that is awaited."""
    deadline = time.monotonic() + within
    while not (answer := await check()):
        assert time.monotonic() < deadline, f"not within {within} s; the last answer was {answer!r}"
        await asyncio.sleep(every)
    return answer
