"""The audit trail as people read it: one line an event."""

import sys
from datetime import UTC
from typing import Any

from loco_cli.ui.render import human
from loco_cli.ui.text import columns, safe
from loco_spec import audit

_ACTOR, _ABOUT = 24, 16
"""Characters, where a terminal is too narrow: of the actor at most, of what it is about at least."""


@human.register
def _(value: audit.AuditEvent) -> list[str]:
    return [line(value, width=columns(sys.stdout))]


@human.register
def _(value: audit.AuditEvents) -> list[str]:
    return [found for event in value.events for found in human(event)] or ["no events"]


def line(event: audit.AuditEvent, *, width: int | None) -> str:
    """Give the line; `width`: what a terminal has, which gets less of what people name themselves. None: all of it."""
    at = f"{event.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    end = "" if event.outcome == "done" else f": {event.outcome or 'not completed'}"
    end += f"  {event.address}" if event.address else ""
    detail = _detail(event.detail)
    whole = f"{at} {event.actor} {event.action} {event.subject}{detail}{end}"
    if width is None or len(whole) <= width:
        return safe(whole)
    start = f"{at} {_short(event.actor, _ACTOR)} {event.action}"
    room = max(_ABOUT, width - len(start) - 1 - len(end))
    # The details go first; of the subject its last word stays: `v12`.
    about = event.subject if len(event.subject) <= room else _short_before(event.subject, room)
    return safe(f"{start} {_short(about + detail, room) if len(about) < room else about}{end}")


def _detail(detail: dict[str, Any]) -> str:
    """` (set A, B; role admin)`: short words alone; --json has the whole."""
    words = [
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in detail.items()
        if value not in (None, [], "") and isinstance(value, str | int | list) and name not in {"digest", "invitation"}
    ]
    return f" ({'; '.join(words)})" if words else ""


def _short_before(text: str, most: int) -> str:
    first, _, last = text.rpartition(" ")
    return f"{_short(first, most - len(last) - 1)} {last}" if first and len(last) < most - 8 else _short(text, most)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
