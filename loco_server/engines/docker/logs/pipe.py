"""From a thread that reads to a coroutine that takes, with a bound between: a slow taker stops its own reader only."""

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Pipe(Generic[T]):
    """Make it in the taker's loop. One thread calls `put` and `end`; one coroutine calls `take` and `close`."""

    def __init__(self, bound: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(bound)
        self._items: deque[T] = deque()
        self._ready = asyncio.Event()
        self._ended = False
        self.closed = False
        self.fault: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room, then put. False when the taker has closed: stop reading."""
        self._room.acquire()
        if self.closed:
            return False
        self._items.append(item)
        return self._wake()

    def end(self, fault: BaseException | None = None) -> None:
        """Nothing more will come. The taker gets the fault, when there is one, after what was put before."""
        self.fault = fault
        self._ended = True
        self._wake()

    async def take(self) -> list[T]:
        """Wait for items; give all that are there. Empty at the end.

        Raises:
            BaseException: the fault that the thread ended with.
        """
        while True:
            # Room is given back at once: given back one by one, a quick writer would never let us go.
            taken = [self._items.popleft() for _ in range(len(self._items))]
            if taken:
                self._room.release(len(taken))
                return taken
            if self._ended:
                if self._items:
                    continue
                if self.fault is not None:
                    raise self.fault
                return []
            await self._ready.wait()
            self._ready.clear()

    def close(self) -> None:
        """The taker wants no more."""
        self.closed = True
        self._room.release()

    def _wake(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop is closed: nobody takes any more
            return False
        return True
