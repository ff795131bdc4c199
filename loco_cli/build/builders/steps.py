"""The text in which the classic builder and Podman tell their steps, between what the steps themselves write.

Docker: `Step 2/3 : RUN make`, ` ---> Using cache`, ` ---> 2fd0da681a90`. Podman: `STEP 2/3: RUN make`, `--> Using cache
1e41ed…`, `--> 1e41ed8c81c`; and `[1/2] STEP 2/3: …` where a Dockerfile has two stages.
"""

import re

from loco_cli.build.progress import Progress

_STEP = re.compile(
    r"(?:\[(?P<stage>\d+)/(?P<stages>\d+)\] )?(?:Step|STEP) (?P<number>\d+)/(?P<count>\d+) ?: (?P<what>.*)"
)
_CACHED = re.compile(r"\s*-{2,3}> Using cache\b.*")
_NOTE = re.compile(
    r"\s*-{2,3}> (?:[0-9a-f]{8,64}|Running in [0-9a-f]+|\[Warning\].*)|Removing intermediate container [0-9a-f]+"
    r"|Successfully (?:built|tagged) \S+|(?:\[\d+/\d+\] )?COMMIT\b.*|[0-9a-f]{64}|Resolving .* to \S+ \(.*\)"
    r'|time="\S+" level=error msg="\+\(UNHANDLED LOGLEVEL\).*'
)


class Steps:
    """Reads the stream. A step ends where the next one begins."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._count = 0
        self._at: tuple[int, int] = (0, 0)
        self._open = ""
        self._cached = False
        self._has_output = False

    @property
    def key(self) -> str:
        return f"step-{self._count}"

    def read(self, text: str) -> None:
        """Take a piece of the stream: lines, or parts of some."""
        if self._open and (_NOTE.fullmatch(text.rstrip()) or _STEP.fullmatch(text.rstrip())):
            text = f"\n{text}"  # a step did not end its last line; the builder's own pieces are whole ones
        *whole, self._open = (self._open + text).split("\n")
        for line in whole:
            self._line(line)

    def end(self, error: str = "") -> None:
        """Take the end of the build; with an error, it is that of the step that ran."""
        if self._open:
            self._line(self._open)
        if self._count:
            self._over("failed" if error else "done", error)

    def _line(self, line: str) -> None:
        step = _STEP.fullmatch(line.rstrip())
        if step is not None and self._is_next(step):
            if self._count:
                self._over("done")
            stage, count, number = step["stage"], step["count"], step["number"]
            self._count += 1
            self._at = (int(stage or 0), int(number))
            self._cached = self._has_output = False
            where = f"stage {stage} {number}/{count}" if stage else f"{number}/{count}"
            self._progress.step(self.key, f"[{where}] {step['what']}")
        elif not self._has_output and _CACHED.fullmatch(line):
            self._cached = True
        elif self._count and not _NOTE.fullmatch(line.rstrip()):
            self._has_output = True
            self._progress.output(self.key, line + "\n")

    def _is_next(self, step: re.Match[str]) -> bool:
        """A step may print what looks like a step; only the one that is due is taken for one."""
        stage, number = int(step["stage"] or 0), int(step["number"])
        return (stage, number) == (self._at[0], self._at[1] + 1) or (stage > self._at[0] and number == 1)

    def _over(self, state: str, error: str = "") -> None:
        if self._cached and not error:
            state = "cached"
        self._progress.end(self.key, state, error=error)
