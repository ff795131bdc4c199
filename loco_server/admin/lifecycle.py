"""What becomes of every app that nobody uses, and when."""

from datetime import datetime
from typing import Literal

from loco_server.admin import wire
from loco_server.records.uses import Use
from loco_server.rollouts.lifecycle import Lifecycle


async def lifecycle(found: Lifecycle, now: datetime) -> wire.Lifecycle:
    """Give it as it is at that time; nothing is done."""
    settings = found.settings
    return wire.Lifecycle(
        mode=settings.mode,
        unused_days=settings.unused_days,
        warned_days=settings.warned_days,
        stopped_days=settings.stopped_days,
        apps=tuple(
            wire.Unused(
                team=each.use.team,
                app=each.use.app,
                last_used=each.last,
                counted=each.use.counted,
                state=_state(each.use, each.last),
                due=each.verdict.action,
                next=each.verdict.next,
                at=each.verdict.at,
                reason=each.verdict.reason,
            )
            for each in await found.plan(now)
        ),
    )


def _state(use: Use, last: datetime) -> Literal["used", "warned", "stopped"]:
    if use.stopped_at is not None:
        return "stopped"
    return "warned" if use.warned_at is not None and use.warned_at >= last else "used"
