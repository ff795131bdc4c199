"""Text from elsewhere, made safe to show; times and sizes for people."""

import re
from datetime import UTC, datetime

# Everything that a terminal takes for an order: C0 but tab, DEL, C1, and what turns the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def safe(text: str) -> str:
    """Replace what could steer the terminal; a log line stays one line."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def ago(moment: datetime | None, *, now: datetime | None = None) -> str:
    """`5 minutes ago`."""
    if moment is None:
        return "never"
    seconds = max(0, int(((now or datetime.now(UTC)) - moment).total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{seconds} s ago"
