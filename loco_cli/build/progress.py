"""What a build tells while it runs, the same from every builder."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from loco_cli.build.log import BuildLog

LAST_LINES = 20
# Colours and cursor moves: the classic builder itself adds some around whatever a step writes to stderr.
_STYLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LINE_MOST = 64_000
"""A line longer than this is given in pieces."""


@dataclass
class Step:
    name: str
    """`[2/4] RUN make`."""
    state: str = "running"
    """running, done, cached, failed, or cancelled because another failed."""
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    """The newest twenty."""
    error: str = ""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What is transferred for it (the context, a layer) → bytes so far, and in all; 0 in all: not known."""
    number: int = 0
    began: float = 0.0
    open: bytes = b""
    """What came after the last line's end."""

    @property
    def own(self) -> bool:
        """Whether the Dockerfile has it, and not the builder alone."""
        return self.name.startswith("[") and "[internal]" not in self.name

    @property
    def moved(self) -> tuple[int, int]:
        """Give the bytes transferred so far, and in all; 0 in all where one part's size is not known."""
        current = sum(part[0] for part in self.parts.values())
        known = all(total for _, total in self.parts.values())
        return current, sum(max(part) for part in self.parts.values()) if known else 0


class Progress:
    """Collects the steps, tells a listener when one begins, moves or ends, and keeps the log.

    Args:
        changed: called with the step.
        hidden: what must be neither in the log nor in a step's lines, such as the values of secrets.
        clock: seconds, for builders that do not say how long a step took.
    """

    def __init__(
        self,
        changed: Callable[[Step], None],
        *,
        hidden: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changed = changed
        self._clock = clock
        self._steps: dict[str, Step] = {}
        self.log = BuildLog(hidden=hidden)

    def step(self, key: str, name: str = "") -> Step:
        """Give the step that the builder calls `key`, made at its first mention."""
        if key not in self._steps:
            self._steps[key] = Step("", number=len(self._steps) + 1, began=self._clock())
        step = self._steps[key]
        if name and not step.name:
            step.name = name
            self.log.add(f"#{step.number} {name}")
            self._changed(step)
        return step

    def output(self, key: str, text: str | bytes) -> None:
        """Take what a step has written: whole lines or pieces of some; of an overwritten line, its last state."""
        step = self.step(key)
        step.open += text.encode(errors="replace") if isinstance(text, str) else text
        *whole, step.open = step.open.split(b"\n")
        if len(step.open) > _LINE_MOST:
            whole, step.open = [*whole, step.open], b""
        self._lines(step, whole)

    def moved(self, key: str, part: str, current: int, total: int = 0) -> None:
        """Take how much of a part (the context, a layer) has been transferred."""
        step = self.step(key)
        if current and step.state == "running" and step.parts.get(part) != (current, total):
            step.parts[part] = current, total
            self._changed(step)

    def end(self, key: str, state: str, *, seconds: float | None = None, error: str = "") -> None:
        step = self.step(key)
        if step.state != "running":
            return
        self._lines(step, [step.open] if step.open else [])
        step.open = b""
        step.state, step.error = state, self.log.hide(error)
        step.seconds = self._clock() - step.began if seconds is None else seconds
        how = {
            "cached": "cached",
            "cancelled": "cancelled",
            "failed": f"failed after {step.seconds:.1f} s: {step.error}",
        }
        self.log.add(f"#{step.number} {how.get(state, f'done in {step.seconds:.1f} s')}")
        self._changed(step)

    @property
    def failed(self) -> Step | None:
        return next((step for step in self._steps.values() if step.state == "failed"), None)

    def counts(self) -> tuple[int, int]:
        """Give how many of the Dockerfile's own steps there were, and how many came from the cache."""
        own = [step for step in self._steps.values() if step.own]
        return len(own), sum(step.state == "cached" for step in own)

    def _lines(self, step: Step, raw: list[bytes]) -> None:
        for piece in raw:
            # A progress bar overwrites its line again and again: only what it ended with says something.
            text = piece.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
            line = self.log.hide(_STYLE.sub("", text).rstrip())  # a failed step's lines are shown
            if line:
                step.lines.append(line)
                self.log.add(f"#{step.number}   {line}")
        del step.lines[:-LAST_LINES]
