"""From the engine's frames to whole lines, each with its mark: the timestamp, and which line of that timestamp.

Two lines may carry one timestamp, and a container's stdout and stderr may stand in the log slightly out of order of
time. A mark therefore names one line; what comes after it is what stands behind it in the log.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from loco_spec.events import LogLine

LINE_MAX = 64 << 10
"""Bytes of one line; the engine itself cuts lines at 16 KB and gives the pieces one timestamp."""
SLACK_SECONDS = 1
"""By how much lines of one container may stand out of order of time."""
_REMEMBERED = 32768
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Mark:
    at: str
    nth: int
    """1 for the first line of that timestamp; 0 stands before all lines of that time."""
    source: str = field(default="", compare=False)
    """In which log the line stands: the start of the container's id, or `kept`. An instance made anew has its name
    still, but another log."""


@dataclass(frozen=True, slots=True)
class Marked:
    line: LogLine
    nth: int
    source: str = ""
    gap: str = ""
    """The time from which on lines that stood before this one may be missing: its log no longer has the line that the
    reader was given last."""

    @property
    def mark(self) -> Mark:
        return Mark(self.line.at, self.nth, self.source)

    def is_at(self, mark: Mark | None) -> bool:
        return mark is not None and self.line.at == mark.at and self.nth == mark.nth


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
        if not self._open and not left_out and len(text) <= LINE_MAX and text.endswith(b"\n"):
            return self._made(stream, stamp.decode("ascii", errors="replace"), text[:-1], 0)
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

    def _made(self, stream: str, at: str, body: bytes | bytearray, cut: int) -> Marked:
        text = body.decode(errors="replace").removesuffix("\r")
        if cut:
            text += f" … ({cut} bytes more)"
        kind: Literal["stdout", "stderr"] = "stderr" if stream == "stderr" else "stdout"
        return Marked(LogLine(self._instance, self._deployment, at, text, kind), self._counter.next(at), self._source)


class Counter:
    """Counts how often each timestamp was seen, of those that may come again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._second = ""

    def __len__(self) -> int:
        return len(self._seen)

    def next(self, at: str) -> int:
        self._seen[at] = nth = self._seen.get(at, 0) + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if at[:19] != self._second:
            self._second, limit = at[:19], _past_before(at)
            while next(iter(self._seen))[:19] < limit:
                self._seen.popitem(last=False)
        return nth


class Repeated:
    """Knows lines that a followed log gives twice: Docker begins a file anew when it hears twice of a rotation."""

    def __init__(self) -> None:
        self._newest = ""
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()

    def has(self, line: Marked) -> bool:
        """Whether it was there before; it is from now on."""
        at = line.line.at
        key = (at, hash(line.line.text))
        if at > self._newest:
            if at[:19] != self._newest[:19]:
                limit = _past_before(at)
                while self._seen and next(iter(self._seen))[0][:19] < limit:
                    self._seen.popitem(last=False)
            self._newest = at
        elif key in self._seen or _is_past(at, self._newest):
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False


def marked(lines: Iterable[LogLine]) -> Iterator[Marked]:
    """Give marks to one instance's kept lines."""
    counter = Counter()
    return (Marked(line, counter.next(line.at), KEPT) for line in lines)


class After:
    """Lets through what stands behind a mark in the log; feed it lines from a second or more before the mark on.

    `telling`: whether the marked line must be among them, and a line is told as behind a gap when it is not.
    """

    def __init__(self, mark: Mark | None, *, telling: bool = True) -> None:
        self._mark = mark
        self._telling = telling
        self._held: list[Marked] = []
        # Seconds as text: up to there the marked line may come still.
        self._limit = "" if mark is None else text_of(moment_of(mark.at) + timedelta(seconds=SLACK_SECONDS))[:19]

    def __len__(self) -> int:
        """Lines that are held until it is known whether the marked one is there."""
        return len(self._held)

    @property
    def is_open(self) -> bool:
        """Whether all that comes goes through."""
        return self._mark is None

    def feed(self, line: Marked) -> list[Marked]:
        if self._mark is None:
            return [line]
        if self._mark.nth == 0:
            return [line] if line.line.at >= self._mark.at else []
        if line.is_at(self._mark):
            self._mark = None
            self._held.clear()
            return []
        if line.line.at > self._mark.at:
            self._held.append(line)
        if line.line.at[:19] <= self._limit:
            return []
        return self.rest()  # the marked line is there no more (rotated away): time must do

    def feed_all(self, lines: Sequence[Marked]) -> Sequence[Marked]:
        if self._mark is None:
            return lines
        for at, line in enumerate(lines):
            if passed := self.feed(line):
                return [*passed, *self._behind(lines[at + 1 :])]
        return []

    def rest(self) -> list[Marked]:
        """The log has ended: what is behind the mark by time, if the marked line was not seen."""
        if self._mark is None or self._mark.nth == 0:
            return []
        behind = [held for held in self._held if held.line.at > self._mark.at]
        if behind and self._telling:
            behind[0] = replace(behind[0], gap=self._mark.at)
        self._mark = None
        self._held.clear()
        return behind

    def _behind(self, lines: Sequence[Marked]) -> Sequence[Marked]:
        return lines if self._mark is None else [line for each in lines for line in self.feed(each)]


def _is_past(at: str, now: str) -> bool:
    """Whether no line of that time comes any more after one of `now`."""
    return at[:19] < now[:19] and at[:19] < _past_before(now)


def _past_before(now: str) -> str:
    """The second, as text, of which and after which lines may come after one of `now`; none where that is no time."""
    try:
        return text_of(moment_of(now) - timedelta(seconds=SLACK_SECONDS + 1))[:19]
    except ValueError:
        return ""


def seconds_of(at: str) -> int:
    """Whole seconds since 1970 of an RFC 3339 time in UTC."""
    return int(moment_of(at).timestamp())


def moment_of(at: str) -> datetime:
    """The moment of an RFC 3339 time in UTC, in whole seconds."""
    return datetime.fromisoformat(at[:19]).replace(tzinfo=UTC)


def text_of(moment: datetime) -> str:
    """A moment in the engine's own form, comparable with it as text."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}000Z"
