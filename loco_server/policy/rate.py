"""A token bucket for each key: so many requests at once, and so many a minute from then on. Pure, with a clock."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

KEYS_MOST = 20_000
_TOLERANCE = 1e-6
"""Seconds: of reckoning with fractions, so that a bucket of five gives five."""


class Buckets:
    """Of a bucket only the moment is kept at which it is full again; one that is full already is as good as none.

    Where there are too many, the one goes that was asked of longest ago, which is the likeliest to be full: to be rid
    of its own an attacker needs as many addresses again, each of which could ask as often anyway.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """None a minute is no limit."""
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._burst, self._clock = burst, clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> int | None:
        """Take one; when none is left give the seconds until there is one, at least 1."""
        wait, now = self.wait(key), self._clock()
        if wait is None and self._seconds:
            self._full_at[key] = max(self._full_at.pop(key, now), now) + self._seconds
            if len(self._full_at) > KEYS_MOST:
                self._full_at.popitem(last=False)
        return wait

    def wait(self, key: str) -> int | None:
        """Give the seconds until there is one to take; None: there is one now. None is taken."""
        if key not in self._full_at:
            return None
        self._full_at.move_to_end(key)
        over = self._full_at[key] - self._clock() - (self._burst - 1) * self._seconds
        return max(ceil(over), 1) if over > _TOLERANCE else None
