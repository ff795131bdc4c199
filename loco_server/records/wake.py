"""Wake those who wait for a change of the records. A wake only saves waiting: whoever waits also looks by the clock."""

import asyncio


class Wake:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def all(self) -> None:
        """Wake everyone who waits now; who comes later waits for the next change."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, *, at_most: float = 2.0) -> None:
        """Return at the next change, or after so many seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), at_most)
        except TimeoutError:
            return
