"""When an app that nobody uses is warned about, stopped and deleted, and whether that is done or only told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

Mode = Literal["off", "dry-run", "on"]

_DAYS = {
    "LOCO_LIFECYCLE_UNUSED_DAYS": "unused_days",
    "LOCO_LIFECYCLE_WARNED_DAYS": "warned_days",
    "LOCO_LIFECYCLE_STOPPED_DAYS": "stopped_days",
}
VARIABLES = ("LOCO_LIFECYCLE", *_DAYS)
_DAYS_MOST = 36_500
_DIGITS_MOST = 100
"""Python reads no number of thousands of digits, and says so in words of its own."""


@dataclass(frozen=True)
class LifecycleSettings:
    mode: Mode = "dry-run"
    """`dry-run`: what would be done is logged, and `loco-server admin lifecycle` tells it."""
    unused_days: int = 180
    """Without a sign of use; then the team is warned."""
    warned_days: int = 30
    """From the warning until the app is stopped."""
    stopped_days: int = 60
    """From then until it is deleted."""


def lifecycle_settings(environment: Mapping[str, str]) -> LifecycleSettings:
    """Read `LOCO_LIFECYCLE` and `LOCO_LIFECYCLE_…_DAYS`.

    Raises:
        ValueError: one does not have the form it needs; the message names it.
    """
    mode = environment.get("LOCO_LIFECYCLE") or LifecycleSettings.mode
    if mode not in get_args(Mode):
        raise ValueError(f"LOCO_LIFECYCLE is {mode!r}; it is one of {', '.join(get_args(Mode))}")
    days = {field: _days(environment, name) for name, field in _DAYS.items() if environment.get(name)}
    return LifecycleSettings(mode=cast("Mode", mode), **days)


def _days(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MOST and 1 <= int(text) <= _DAYS_MOST):
        shown = text if len(text) <= _DIGITS_MOST else f"{text[:_DIGITS_MOST]}…"
        raise ValueError(f"{name} is {shown!r}; it is a number of days, 1 to {_DAYS_MOST}")
    return int(text)
