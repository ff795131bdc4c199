"""One call of `roll`, whichever engine does it: what is rolled, who is told, and since when it is in which phase."""

import time
from dataclasses import dataclass, field

from loco_server.engines import explaining
from loco_server.engines.base import Emit, Guard, Rollout, RolloutFailedError
from loco_spec.errors import Diagnosis

LATE_SECONDS = 5.0
"""From then on a person wonders why an instance is not healthy yet."""


@dataclass
class Rolling:
    rollout: Rollout
    emit: Emit
    guard: Guard
    started: float = field(default_factory=time.monotonic, kw_only=True)
    phases: dict[str, float] = field(default_factory=dict, kw_only=True)
    """Since when it has been in each."""
    waits: set[str] = field(default_factory=set, kw_only=True)
    """Causes that instances still being waited for have been told to have."""

    def enters(self, phase: str) -> None:
        self.phases.setdefault(phase, time.monotonic())

    async def tell_waiting(self, found: Diagnosis, seconds: float, limit: float) -> None:
        """Say once what an instance lacks, `seconds` into the `limit` it has: nobody needs its end to mend it."""
        if found.cause not in self.waits:
            self.waits.add(found.cause)
            await self.emit(f"waiting: {found.message} ({seconds:.0f} s of at most {limit:g} s)")

    def failed(self, found: Diagnosis, lasted: float | None = None) -> RolloutFailedError:
        """Give the failure with its seconds; `lasted`: those in the phase, where the engine counts them itself."""
        since = self.phases.get(found.phase, self.started)
        seconds = time.monotonic() - since if lasted is None else lasted
        return RolloutFailedError(explaining.timed(found, seconds, self.seconds))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def version(self) -> str:
        return f"v{self.rollout.deployment}"
