"""What many streams ask at about the same time is asked once: whose token it is, who is in a team."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS = 1.0
"""For which an answer is given again: by so much later a stream learns that its token has ended."""


class Shared:
    """Keeps answers, refusals too, for a second. For streams that go on alone: a request asks for itself."""

    def __init__(self, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[T]]) -> T:
        now = self._clock()
        asked, answer = self._answers.get(key, (float("-inf"), None))
        if answer is None or now - asked >= self._seconds or answer.cancelled():
            self._answers = {known: each for known, each in self._answers.items() if now - each[0] < self._seconds}
            answer = asyncio.create_task(_awaited(question))
            answer.add_done_callback(_seen)
            self._answers[key] = now, answer
        return await asyncio.shield(answer)  # one reader's end is not another's


async def _awaited(question: Callable[[], Awaitable[T]]) -> T:
    return await question()


def _seen(answer: asyncio.Task[Any]) -> None:
    """An error that nobody waits for any more is nobody's."""
    if not answer.cancelled():
        answer.exception()
