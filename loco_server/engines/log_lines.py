"""From the engine's frames to whole lines, each with its mark: the timestamp, and which line of that timestamp.

Two lines may carry one timestamp, and a container's stdout and stderr may stand in the log slightly out of order of
time. A mark therefore names one line; what comes after it is what stands behind it in the log.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from loco_spec.events import LogLine

LINE_MAX = 64 << 10
"""Bytes of one line; the engine itself cuts lines at 16 KB and gives the pieces one timestamp."""
SLACK_SECONDS = 1
"""By how much lines of one container may stand out of order of time."""
_REMEMBERED = 4096
KEPT = "kept"


@dataclass(frozen=True)
class Mark:
    at: str
    nth: int
    """1 for the first line of that timestamp; 0 stands before all lines of that time."""
    source: str = field(default="", compare=False)
    """In which log the line stands: the start of the container's id, or `kept`. An instance made anew has its name
    still, but another log."""


@dataclass(frozen=True)
class Marked:
    line: LogLine
    mark: Mark


class LineReader:
    """Puts one container's frames together to lines. One per read: it counts lines of equal timestamps."""

    def __init__(self, instance: str, deployment: int, source: str = "") -> None:
        self._instance = instance
        self._deployment = deployment
        self._source = source
        self._open: dict[str, tuple[str, bytearray, int]] = {}
        self._counter = Counter()

    def feed(self, stream: str, frame: bytes, left_out: int = 0) -> Marked | None:
        """Take one frame (`<timestamp> <text>`, with a line feed unless it goes on); give the line that it ends.

        `left_out`: bytes of the text's end that were dropped before.
        """
        stamp, _, text = frame.partition(b" ")
        at, body, cut = self._open.pop(stream, ("", bytearray(), 0))
        at = at or stamp.decode("ascii", errors="replace")
        ends = text.endswith(b"\n")
        piece = text.removesuffix(b"\n")
        room = LINE_MAX - len(body)
        body += piece[:room]
        cut += max(0, len(piece) - room) + left_out
        if not ends:
            self._open[stream] = (at, body, cut)
            return None
        return self._made(stream, at, body, cut)

    def rest(self) -> Iterator[Marked]:
        """Lines that the log's end left open."""
        for stream, (at, body, cut) in sorted(self._open.items()):
            yield self._made(stream, at, body, cut)
        self._open.clear()

    def _made(self, stream: str, at: str, body: bytearray, cut: int) -> Marked:
        text = body.decode(errors="replace").removesuffix("\r") + (f" … ({cut} bytes more)" if cut else "")
        kind: Literal["stdout", "stderr"] = "stderr" if stream == "stderr" else "stdout"
        line = LogLine(instance=self._instance, deployment=self._deployment, at=at, stream=kind, text=text)
        return Marked(line, Mark(at, self._counter.next(at), self._source))


class Counter:
    """Counts how often each timestamp was seen, of those that may come again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def next(self, at: str) -> int:
        self._seen[at] = nth = self._seen.get(at, 0) + 1
        while len(self._seen) > _REMEMBERED or _is_past(next(iter(self._seen)), at):
            self._seen.popitem(last=False)
        return nth


def marked(lines: Iterable[LogLine]) -> Iterator[Marked]:
    """Give marks to one instance's kept lines."""
    counter = Counter()
    return (Marked(line, Mark(line.at, counter.next(line.at), KEPT)) for line in lines)


class After:
    """Lets through what stands behind a mark in the log; feed it lines from a second or more before the mark on."""

    def __init__(self, mark: Mark | None) -> None:
        self._mark = mark
        self._held: list[Marked] = []

    def __len__(self) -> int:
        """Lines that are held until it is known whether the marked one is there."""
        return len(self._held)

    def feed(self, line: Marked) -> list[Marked]:
        if self._mark is None:
            return [line]
        if self._mark.nth == 0:
            return [line] if line.mark.at >= self._mark.at else []
        if line.mark == self._mark:
            self._mark = None
            self._held.clear()
            return []
        if line.mark.at > self._mark.at:
            self._held.append(line)
        if seconds_of(line.mark.at) <= seconds_of(self._mark.at) + SLACK_SECONDS:
            return []
        return self.rest()  # the marked line is there no more (rotated away): time must do

    def rest(self) -> list[Marked]:
        """The log has ended: what is behind the mark by time, if the marked line was not seen."""
        at = self._mark.at if self._mark is not None else ""
        behind = [held for held in self._held if held.mark.at > at]
        self._mark = None
        self._held.clear()
        return behind


def _is_past(at: str, now: str) -> bool:
    """Whether no line of that time comes any more after one of `now`."""
    if at[:19] >= now[:19]:
        return False
    try:
        return seconds_of(at) + SLACK_SECONDS + 1 < seconds_of(now)
    except ValueError:
        return False


def seconds_of(at: str) -> int:
    """Whole seconds since 1970 of an RFC 3339 time in UTC."""
    return int(datetime.fromisoformat(at[:19]).replace(tzinfo=UTC).timestamp())


def text_of(moment: datetime) -> str:
    """A moment in the engine's own form, comparable with it as text."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}000Z"
