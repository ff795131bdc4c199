"""What becomes of an app that nobody uses: warned about, stopped, deleted. Pure.

    state     goes on to   after                            is taken back by
    used      warned       unused_days without a sign       -
    warned    stopped      warned_days from the warning     any sign of use
    stopped   deleted      stopped_days from the stop       any change by its team, resume by the operator

A sign of use is a deployment, a request that came by the edge (where it counts them), a change by a person or a job, a
request with one of the app's own tokens. What runs without a route is used by its team's other apps: their signs count
for it, until it is stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from loco_server.lifecycle_settings import LifecycleSettings
from loco_server.records.uses import Use

Action = Literal["none", "warn", "stop", "delete"]


@dataclass(frozen=True)
class Verdict:
    action: Action
    """What is due now."""
    reason: str
    next: Action
    """What comes next if nothing changes: the same, where something is due."""
    at: datetime | None
    """When that is; None: never as things are."""


def judge(use: Use, times: LifecycleSettings, now: datetime, *, last: datetime | None = None) -> Verdict:
    """Say what is due for the app.

    Args:
        use: what is known of it.
        times: how long each state lasts.
        now: the time to judge at.
        last: its newest sign of use, where that is another app's; None: its own.
    """
    if use.destroying:
        return Verdict("none", "it is being destroyed", "none", None)
    if use.in_flight:
        return Verdict("none", "a deployment is under way", "none", None)
    if use.suspended:
        return Verdict("none", "it is suspended by the operator", "none", None)
    if use.stopped_at is not None:
        reason = f"no sign of use since {use.last:%Y-%m-%d}, stopped on {use.stopped_at:%Y-%m-%d}"
        return _due("delete", reason, use.stopped_at + timedelta(days=times.stopped_days), now)
    last = use.last if last is None else max(last, use.last)
    since = f"no sign of use since {last:%Y-%m-%d}"
    if use.warned_at is not None and use.warned_at >= last:
        reason = f"{since}, warned on {use.warned_at:%Y-%m-%d}"
        return _due("stop", reason, use.warned_at + timedelta(days=times.warned_days), now)
    if not use.counted:
        since += " (its requests are not counted here)"
    return _due("warn", since, last + timedelta(days=times.unused_days), now)


def lasts(uses: Iterable[Use]) -> Mapping[str, datetime]:
    """Give for each app (by id) the newest sign of use that counts for it: what runs without a route has its team's."""
    uses = list(uses)
    of_team: dict[str, datetime] = {}
    for use in uses:
        of_team[use.team_id] = max(use.last, of_team.get(use.team_id, use.last))
    return {use.app_id: of_team[use.team_id] if use.inner else use.last for use in uses}


def _due(action: Action, reason: str, at: datetime, now: datetime) -> Verdict:
    return Verdict(action if now >= at else "none", reason, action, at)
