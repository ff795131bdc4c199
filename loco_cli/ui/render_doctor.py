"""What `loco doctor` found, as people read it: a line for each check, and under what is not well the next step."""

import sys
import textwrap
from collections import Counter

from loco_cli.ui.render import human
from loco_cli.ui.results import Bundled, Diagnosed, Examined, Finding, FindingState
from loco_cli.ui.text import columns, safe

_NAME = 11
_STATES: tuple[FindingState, ...] = ("wrong", "note", "unknown")


@human.register
def _(value: Examined) -> list[str]:
    width = columns(sys.stdout)
    found = [line for each in value.checks for line in _lines(each, width)]
    count = Counter(each.state for each in value.checks)
    rest = ", ".join(f"{count[state]} {state}" for state in _STATES if count[state])
    found.append(f"{len(value.checks)} checks: {rest or 'all is well'}")
    if value.deployment is None:
        return found
    return [*found, "", *human(Diagnosed(deployment=value.deployment, told=value.told))]


@human.register
def _(value: Bundled) -> list[str]:
    found = [f"wrote {value.file}, which nobody else may read; in it:", *(f"  {safe(line)}" for line in value.contents)]
    found += ["left out:", *(f"  {safe(line)}" for line in value.left_out)]
    return [*found, "next: look through it before you give it away"]


def _lines(found: Finding, width: int | None) -> list[str]:
    head = f"{found.state:<8}{found.name:<{_NAME}} "
    lines = _wrapped(head, " " * len(head), found.message, width)
    fix = found.fix if found.state != "ok" else ""
    return [*lines, *(_wrapped(" " * 8 + "next: ", " " * 14, fix, width) if fix else [])]


def _wrapped(first: str, later: str, text: str, width: int | None) -> list[str]:
    text = safe(" ".join(text.split()))
    if width is None:
        return [first + text]
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
