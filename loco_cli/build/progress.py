"""What a build tells while it runs, the same from every builder."""

from collections.abc import Callable
from dataclasses import dataclass, field

LAST_LINES = 20


@dataclass
class Step:
    name: str
    """`[2/4] RUN make`."""
    state: str = "running"
    """running, done, cached or failed."""
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    """The newest twenty."""
    error: str = ""

    def say(self, text: str) -> None:
        self.lines.extend(line for line in text.splitlines() if line.strip())
        del self.lines[:-LAST_LINES]


class Progress:
    """Collects the steps and tells a listener when one begins or ends.

    Args:
        changed: called with the step.
    """

    def __init__(self, changed: Callable[[Step], None]) -> None:
        self._changed = changed
        self._steps: dict[str, Step] = {}

    def step(self, key: str, name: str = "") -> Step:
        """Give the step that the builder calls `key`, made at its first mention."""
        if key not in self._steps:
            self._steps[key] = Step(name)
            if name:
                self._changed(self._steps[key])
        elif name and not self._steps[key].name:
            self._steps[key].name = name
            self._changed(self._steps[key])
        return self._steps[key]

    def end(self, key: str, state: str, *, seconds: float = 0.0, error: str = "") -> None:
        step = self.step(key)
        if step.state == "running":
            step.state, step.seconds, step.error = state, seconds, error
            self._changed(step)

    @property
    def failed(self) -> Step | None:
        return next((step for step in self._steps.values() if step.state == "failed"), None)

    def counts(self) -> tuple[int, int]:
        """Give how many of the Dockerfile's own steps there were, and how many came from the cache."""
        own = [step for step in self._steps.values() if step.name.startswith("[") and "[internal]" not in step.name]
        return len(own), sum(step.state == "cached" for step in own)
