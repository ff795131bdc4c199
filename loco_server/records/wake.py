"""Wake those who wait for a change of the records. A wake only saves waiting: whoever waits also looks by the clock."""

import asyncio


class Wake:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """What the next change from now on sets. Taken before a look, nothing that changes meanwhile is slept over."""
        return self._event

    def all(self) -> None:
        """Wake everyone who waits now; who comes later waits for the next change."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, *, at_most: float = 2.0, change: asyncio.Event | None = None) -> None:
        """Return at the next change (`change`: the one that was next then), or after so many seconds."""
        try:
            await asyncio.wait_for((change or self._event).wait(), at_most)
        except TimeoutError:
            return
