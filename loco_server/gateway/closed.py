"""Deployments whose tokens buy nothing any more, kept in memory for as long as such a token could still be young."""

import time
from collections.abc import Callable, Iterable


class ClosedDeployments:
    def __init__(self, *, keep_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep = keep_seconds
        self._clock = clock
        self._until: dict[str, float] = {}

    def close(self, key: str) -> None:
        """From now on every token of the deployment is refused."""
        self.close_all((key,))

    def close_all(self, keys: Iterable[str]) -> None:
        """The same for many. One that is closed already stays so for as long again."""
        now = self._clock()
        self._until = {known: until for known, until in self._until.items() if until > now}
        self._until |= dict.fromkeys(keys, now + self._keep)

    def is_closed(self, key: str) -> bool:
        return self._until.get(key, 0) > self._clock()
