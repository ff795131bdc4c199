"""All that was found: as JSON, and as people read it."""

import textwrap
from collections import Counter
from typing import Literal

from pydantic import BaseModel

from loco_server.check.finding import Finding

COLUMNS = 80
_NAME = 15


class Report(BaseModel):
    """`--json`. Fields are only ever added to a version."""

    version: Literal[1] = 1
    of: Literal["cluster", "machine"]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """Of the command: 1 when something is missing."""
        return int(any(each.state == "missing" for each in self.findings))

    def lines(self) -> list[str]:
        """A line for each check, no longer than the terminal where words allow it, and how to put it right."""
        found = [line for each in self.findings for line in _lines(each)]
        count = Counter(each.state for each in self.findings)
        rest = [f"{count[state]} {state}" for state in ("missing", "warning", "unknown") if count[state]]
        return [*found, f"{len(self.findings)} checks: {', '.join(rest) or 'all is well'}"]


def _lines(found: Finding) -> list[str]:
    head = f"{found.state:<8} {found.name:<{_NAME}} "
    lines = _wrapped(head, " " * len(head), found.said)
    return [*lines, *(line for fix in found.fix.splitlines() for line in _wrapped(" " * 9 + "fix: ", " " * 14, fix))]


def _wrapped(first: str, later: str, text: str) -> list[str]:
    return textwrap.wrap(
        _printable(text),
        COLUMNS,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _printable(text: str) -> str:
    """What a cluster's objects say must not steer the operator's terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
