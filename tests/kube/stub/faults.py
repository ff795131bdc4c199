"""What goes wrong, by a seed: the nth request of a path meets the same fault whatever else is under way."""

import random
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Plan:
    """Shares of all requests, from 0 to 1."""

    seed: int = 0
    refused: float = 0  # with 429 or 500
    dropped: float = 0  # cut before the effect
    lost: float = 0  # cut after it
    torn: float = 0  # cut in the middle of the answer
    conflicts: float = 0  # applies only: 409, as if somebody had written in between
    expired: float = 0  # watches only: ended with 410
    watch_seconds: float | None = None
    """So long a watch lasts at most before it is cut, often in the middle of an event."""
    log_lines: int | None = None
    """So many new lines a followed log gives at most before it is cut, in the middle of the next."""
    retry_after: int = 1
    """Seconds that a 429 asks for."""
    asked: Counter[str] = field(default_factory=Counter, init=False)

    def fault(self, method: str, path: str) -> str | int | None:
        roll = self.die(f"{method} {path}").random()
        conflicts = self.conflicts if method == "PATCH" else 0
        shares: dict[str | int, float] = {429: self.refused / 2, 500: self.refused / 2, 409: conflicts}
        shares |= {"dropped": self.dropped, "lost": self.lost, "torn": self.torn}
        for fault, share in shares.items():
            if roll < share:
                return fault
            roll -= share
        return None

    def die(self, what: str) -> random.Random:
        self.asked[what] += 1
        return random.Random(f"{self.seed} {what} {self.asked[what]}")  # noqa: S311
