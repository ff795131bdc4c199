"""What nobody asks for and everybody needs: tickets that ran out, images that nobody needs, space given back."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from loco_server.engines.base import AppRef, Engine, EngineDownError
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key
from loco_server.records.apps import Apps
from loco_server.records.audit import Audit
from loco_server.records.claims import Claims
from loco_server.records.deployments import Deployments
from loco_server.records.facts import Facts
from loco_server.records.images import Images
from loco_server.records.people import People
from loco_server.records.stumbles import Stumbles
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.registries.base import Registry, RegistryDownError
from loco_server.rollouts import failures
from loco_server.rollouts.lifecycle import Lifecycle
from loco_spec import names

log = logging.getLogger("loco.housekeeping")

KEPT_IMAGES = 5
"""So many different images of an app stay, of those that served last: what a rollback may go back to.

On a bad day the last good one is some fixes back; two would lose it to the second of them."""
EVERY = 10.0
COLLECT_EVERY = 600.0
TOKENS_KEPT = timedelta(days=30)
"""After its end a token is told from an unknown one for so long; then it is forgotten."""

CHECKING_SECONDS = 600.0
"""For which an image may be checked, whichever server does it."""
WAITING_SECONDS = 600.0
"""For which an accepted deployment that nothing stands in the way of may wait for a worker."""

EVENTS_KEPT = timedelta(days=400)
"""How long the audit trail goes back: over a year, so that one yearly look at it misses nothing."""


class Housekeeping:
    def __init__(
        self,
        *,
        people: People,
        audit: Audit,
        apps: Apps,
        deployments: Deployments,
        images: Images,
        claims: Claims,
        facts: Facts,
        engine: Engine,
        registry: Registry,
        closed: ClosedDeployments,
        collect_garbage: Callable[[], Awaitable[int]] | None,
        lifecycle: Lifecycle,
    ) -> None:
        """`collect_garbage`: None where somebody else collects; what there is to collect stays noted then."""
        self._people = people
        self._audit = audit
        self._apps = apps
        self._deployments = deployments
        self._images = images
        self._claims = claims
        self._facts = facts
        self._engine = engine
        self._registry = registry
        self._closed = closed
        self._collect_garbage = collect_garbage
        self._lifecycle = lifecycle
        self._collected_at = time.monotonic()
        self._untidy: set[str] = set()
        self._waiting: dict[tuple[str, int, int], float] = {}
        self._stumbles = Stumbles(log)

    async def run(self) -> None:
        """Tidy up until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.once()
                self._stumbles.done()
            except (EngineDownError, RegistryDownError) as e:
                log.warning("tidying up waits: %s", e)
            except Exception as e:  # noqa: BLE001  it goes on
                self._stumbles.over("tidying up", e)

    async def once(self) -> None:
        await self.expire()
        await self.end_unclaimed()
        await self._people.forget_tokens(ended_before=datetime.now(UTC) - TOKENS_KEPT)
        await self._audit.forget(datetime.now(UTC) - EVENTS_KEPT)
        for app in await self._apps.all():
            if not app.destroying:
                await self._tidy(app)
        await self._lifecycle.tick()
        if time.monotonic() - self._collected_at > COLLECT_EVERY and await self._facts.garbage() is not None:
            await self.collect()

    async def _tidy(self, app: AppRecord) -> None:
        """One app that cannot be tidied up holds up no other, and is told of once until it can."""
        try:
            await self.retain(app)
            self._untidy.discard(app.id)
        except Exception as e:
            if app.id not in self._untidy:
                known = isinstance(e, EngineDownError | RegistryDownError)
                log.warning("tidying up %s/%s waits: %s", app.team, app.name, e, exc_info=not known)
            self._untidy.add(app.id)

    async def expire(self) -> None:
        """End the deployments whose client never came back with an image, and those that are checked for ever."""
        now = datetime.now(UTC)
        for item in await self._deployments.in_state("created", "checking"):
            if item.state == "checking":
                if failures.phase(item, now)[1] >= CHECKING_SECONDS:
                    text = "the image could not be checked in time; nothing was changed"
                    await self._end(item, "failed", text, "loco deploy")
            elif item.ticket_expires_at is not None and item.ticket_expires_at <= now:
                self._closed.close(deployment_key(item.app_id, item.number))  # before anybody can read that it is over
                text, hint = "no image came in time; nothing was changed", "loco deploy"
                if item.digest is not None:  # it stands on another's image
                    text, hint = "its server ended before it was accepted; nothing was changed", "loco redeploy"
                await self._end(item, "expired", text, hint)

    async def end_unclaimed(self) -> None:
        """End what is accepted, and not taken up by any worker though none of its app is under way."""
        found, now = await self._claims.unclaimed(), time.monotonic()
        keys = [(item.app_id, item.number, item.attempt) for item in found]
        self._waiting = {key: self._waiting.get(key, now) for key in keys}
        for key, item in zip(keys, found, strict=True):
            if now - self._waiting[key] >= WAITING_SECONDS:
                text = "no server took it up; nothing was changed"
                await self._end(item, "failed", text, "loco redeploy, or ask the operator")

    async def _end(self, item: DeploymentRecord, state: str, message: str, hint: str) -> None:
        told = failures.diagnosis("phase-timeout", message, hint, *failures.phase(item, datetime.now(UTC)))
        await self._deployments.move(
            item.app_id,
            item.number,
            state,
            of=(item.state,),
            message=message,
            owner=item.owner,
            attempt=item.attempt,
            diagnosis=told,
        )

    async def retain(self, app: AppRecord) -> int:
        """Delete the app's images that neither a rollback nor anything running or coming needs.

        Not while anything comes: a push in flight may stand on layers and tags that nobody else needs. What is deleted
        the records say before (`records/images.py`), so that a rollback to it is refused and not half done.
        """
        if await self._images.coming(app.id):
            return 0
        repository, deleted = names.repository(app.team, app.name, app.id), 0
        used = await self._engine.in_use(AppRef(team=app.team, team_id=app.team_id, app=app.name, app_id=app.id))
        found = await self._registry.manifests(repository) - used
        for digest in await self._images.give_up(app.id, found, kept=KEPT_IMAGES):
            if await self._images.coming(app.id):
                break  # the same image may be on its way again
            if not deleted:
                await self._facts.add_garbage()
            await self._registry.delete(repository, digest)
            deleted += 1
        return deleted

    async def collect(self) -> int:
        """Give the space of deleted images back; pushes wait a moment meanwhile. Not while one is under way.

        Without anybody to collect it the mark stays.
        """
        if self._collect_garbage is None or await self._deployments.in_state("created", "checking"):
            return 0
        mark = await self._facts.garbage()
        self._collected_at = time.monotonic()  # before: one that fails is tried again in its time, not at once
        freed = await self._collect_garbage()
        if mark is not None:
            await self._facts.clear_garbage(mark)
        return freed
