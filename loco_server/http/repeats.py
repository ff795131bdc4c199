"""A request that is sent again because its answer was lost is done once, and answered again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from loco_spec.version import REPEAT_HEADER

SECONDS = 600.0
MOST = 2000
_KEY_MIN, _KEY_MAX = 16, 64


class Repeats:
    """Keeps answers in memory: of one server, until it ends. `clock` gives seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, ...], tuple[float, asyncio.Future[Response]]] = {}

    async def once(self, request: Request, work: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer; where whoever asks has asked the very same before, with that answer.

        What failed by the server's doing, or came too often, is tried anew.
        """
        key = request.headers.get(REPEAT_HEADER, "")
        if request.method == "GET" or not _KEY_MIN <= len(key) <= _KEY_MAX:
            return await work(request)
        who = sha256(request.headers.get("authorization", "").encode()).hexdigest()
        place, now = (who, key, request.method, request.url.path), self._clock()
        while True:
            asked, task = self._answers.get(place, (0.0, None))
            mine = task is None or now - asked > SECONDS
            if task is None or mine:
                self._forget(now)
                task = asyncio.ensure_future(work(request))
                self._answers[place] = now, task
            answer = await asyncio.shield(task)  # one that is not waited for any more is done all the same
            if answer.status_code < 500 and answer.status_code != 429:
                return answer
            if self._answers.get(place, (0.0, None))[1] is task:
                del self._answers[place]
            if mine:
                return answer

    def _forget(self, now: float) -> None:
        """Those too old, and the oldest of too many: they stand in the order in which they came."""
        for place, (asked, task) in list(self._answers.items()):
            if now - asked <= SECONDS and len(self._answers) < MOST:
                return
            if task.done():
                del self._answers[place]
