"""The position of a reader: for each instance, the last line that it has been given. Opaque to clients."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loco_server.engines.log_lines import Mark, Marked
from loco_spec.errors import UsageError
from loco_spec.events import LogBatch

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", re.ASCII)
_FIRST = 1970


@dataclass
class Position:
    """A vector {instance: mark}, and which instances have been read to their end."""

    marks: dict[str, Mark] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def encode(self) -> str:
        """Base64 of JSON: {"v12-1": [timestamp, nth, source]}, and one more where the instance was read to its end."""
        vector = {
            name: [mark.at, mark.nth, mark.source, *([1] if name in self.ended else [])]
            for name, mark in sorted(self.marks.items())
        }
        return base64.urlsafe_b64encode(json.dumps(vector, separators=(",", ":")).encode()).decode().rstrip("=")

    @staticmethod
    def decode(text: str | None) -> "Position":
        """Read what `encode` gave.

        Raises:
            UsageError: it is not one of ours.
        """
        if not text:
            return Position()
        try:
            vector = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if not isinstance(vector, Mapping):
                raise ValueError("no vector")  # noqa: TRY004  one error for all of it
            marks = {_name(name): Mark(_time(entry[0]), int(entry[1]), str(entry[2])) for name, entry in vector.items()}
            ended = {str(name) for name, entry in vector.items() if len(entry) > 3}
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError, binascii.Error) as error:
            raise UsageError("this is not a position in a log", hint="loco logs -n 100") from error
        return Position(marks, ended)

    def forget(self, known: frozenset[str], wants: Callable[[str], bool] = lambda _name: True) -> tuple[str, ...]:
        """Drop instances that are neither there nor kept; say of which wanted ones lines may be lost, as notes."""
        gone = sorted(self.marks.keys() - known)
        told = [name for name in gone if name not in self.ended and wants(name)]
        lost = tuple(f"{name}: not kept since {self.marks[name].at}" for name in told)
        for name in gone:
            del self.marks[name]
        self.ended &= known
        return lost


def batch_of(position: Position, lines: Sequence[Marked]) -> LogBatch:
    """Give the lines with the position after them, and what is known of lines before them that are lost."""
    notes = []
    for line in lines:
        if line.gap:
            here = line.line
            notes.append(f"{here.instance}: lines between {line.gap} and {here.at} may be missing")
    # The last line of each instance counts, and most batches are of few.
    for name, last in {line.line.instance: line for line in lines}.items():
        position.marks[name] = last.mark
        position.ended.discard(name)
    told = tuple([line.line for line in lines])
    return LogBatch.model_construct(position=position.encode(), lines=told, note="; ".join(notes) or None)


def _time(text: object) -> str:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None or datetime.fromisoformat(found[1]).year < _FIRST:
        raise ValueError("no time")
    return found[0]


def _name(text: str) -> str:
    text.encode()  # a half of a surrogate pair cannot be told again
    return text
