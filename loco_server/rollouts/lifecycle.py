"""What is done about apps that nobody uses: a warning in the team's events, a stop, and the end. By default only told.

Any of several servers may act: each step is decided again under the app's lock, and leaves one event.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loco_server.lifecycle_settings import LifecycleSettings
from loco_server.policy import unused
from loco_server.policy.unused import Verdict
from loco_server.records.apps import Apps
from loco_server.records.audit import Audit
from loco_server.records.change import Change
from loco_server.records.uses import Still, Use, Uses
from loco_server.records.values import AppRecord
from loco_spec.errors import LocoError

log = logging.getLogger("loco.lifecycle")

COUNT_EVERY = 3600.0
ACT_EVERY = 86_400.0
"""Seconds."""
_EVENTS = {"warn": "app.unused", "stop": "app.stop", "delete": "app.destroy"}
_DONE = {"warn": "warned", "stop": "stopped", "delete": "deleted"}


@dataclass(frozen=True)
class Planned:
    use: Use
    last: datetime
    """The newest sign of use that counts for it."""
    verdict: Verdict


class Lifecycle:
    def __init__(
        self,
        *,
        settings: LifecycleSettings,
        uses: Uses,
        apps: Apps,
        audit: Audit,
        requests: Callable[[], Awaitable[Mapping[str, int]]],
        settle: Callable[[], Awaitable[None]],
        destroy: Callable[[AppRecord], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what it acts with.

        Args:
            settings: what the operator decided.
            uses: the records of use.
            apps: the apps' records.
            audit: where the team reads of it.
            requests: gives how many requests the edge has counted, by app id; apps whose are not counted are left out.
            settle: makes the engine as the records say.
            destroy: destroys an app, and everything of it.
            clock: seconds that only grow.
        """
        self.settings = settings
        self._uses = uses
        self._apps = apps
        self._audit = audit
        self._requests = requests
        self._settle = settle
        self._destroy = destroy
        self._clock = clock
        self._counted_at = self._acted_at = float("-inf")

    async def tick(self) -> None:
        """Count and act when it is time to; for whoever tidies up anyway."""
        if self.settings.mode == "off":
            return
        now = self._clock()
        if now - self._counted_at >= COUNT_EVERY:
            self._counted_at = now
            await self._uses.count(await self._requests(), datetime.now(UTC))
        if now - self._acted_at >= ACT_EVERY:
            self._acted_at = now
            await self.once(datetime.now(UTC))

    async def plan(self, now: datetime) -> list[Planned]:
        """Judge every app; what is due or comes next first."""
        uses = await self._uses.all()
        lasts = unused.lasts(uses)
        found = [Planned(use, lasts[use.app_id], self._judge(use, lasts, now)) for use in uses]
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(found, key=lambda each: (each.verdict.at or never, each.use.team, each.use.app))

    async def once(self, now: datetime) -> list[Planned]:
        """Do, or in a dry run tell, what is due; give what was done. One app that stumbles holds up no other."""
        if self.settings.mode == "off":
            return []
        plan = await self.plan(now)
        lasts = {each.use.app_id: each.last for each in plan}
        done = []
        for each in plan:
            use, verdict = each.use, each.verdict
            if verdict.action == "none":
                continue
            name = f"{use.team}/{use.app}"
            if self.settings.mode == "dry-run":
                log.warning("dry run: %s would be %s: %s", name, _DONE[verdict.action], verdict.reason)
                continue
            try:
                if await self._act(each, lasts, now):
                    log.warning("%s was %s: %s", name, _DONE[verdict.action], verdict.reason)
                    done.append(each)
            except LocoError as e:
                log.warning("%s is to be %s: %s", name, _DONE[verdict.action], e.message)
            except Exception:
                log.exception("%s is to be %s, which stumbled", name, _DONE[verdict.action])
        if any(each.verdict.action == "stop" for each in done):
            await self._settle()
        return done

    def _judge(self, use: Use, lasts: Mapping[str, datetime], now: datetime) -> Verdict:
        return unused.judge(use, self.settings, now, last=lasts.get(use.app_id))

    async def _act(self, planned: Planned, lasts: Mapping[str, datetime], now: datetime) -> bool:
        use, verdict = planned.use, planned.verdict
        still: Still = lambda fresh: self._judge(fresh, lasts, now).action == verdict.action  # noqa: E731
        change = Change(actor="loco", action=_EVENTS[verdict.action], subject=use.app, team_id=use.team_id, app=use.app)
        change.detail = {"reason": verdict.reason, **self._then(verdict, now)}
        async with self._audit.change(change):
            if verdict.action == "warn":
                return await self._uses.warn(use.app_id, now, still)
            if verdict.action == "stop":
                return await self._uses.stop(use.app_id, now, f"{verdict.reason}; deploy it and it runs again", still)
            app = await self._apps.by_id(use.app_id)
            if app is None or not await self._uses.end(use.app_id, now, still):
                return False
            await self._destroy(app)
            return True

    def _then(self, verdict: Verdict, now: datetime) -> dict[str, str]:
        """Say what comes after this, and what prevents it."""
        if verdict.action == "warn":
            at = now + timedelta(days=self.settings.warned_days)
            return {"next": f"it is stopped on {at:%Y-%m-%d}, unless it is used or deployed before"}
        if verdict.action == "stop":
            at = now + timedelta(days=self.settings.stopped_days)
            return {"next": f"it is deleted on {at:%Y-%m-%d}, unless it is deployed before"}
        return {}
