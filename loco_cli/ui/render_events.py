"""The audit trail as people read it: one line an event."""

from datetime import UTC

from loco_cli.ui.render import human
from loco_cli.ui.text import safe
from loco_spec import audit

_WIDTH = 80
_ACTOR, _SUBJECT = 24, 16
"""Characters of what people name themselves: the actor's at most, the subject's at least. `--json` has the whole."""


@human.register
def _(value: audit.AuditEvent) -> list[str]:
    start = f"{value.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {_short(value.actor, _ACTOR)} {value.action}"
    end = "" if value.outcome == "done" else f": {value.outcome or 'under way'}"
    end += f"  {value.address}" if value.address else ""
    return [safe(f"{start} {_short(value.subject, max(_SUBJECT, _WIDTH - len(start) - 1 - len(end)))}{end}")]


@human.register
def _(value: audit.AuditEvents) -> list[str]:
    return [line for event in value.events for line in human(event)] or ["no events"]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
