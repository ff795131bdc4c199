"""The end of an app: containers, routes, images and records. Begun again from the start when it was interrupted."""

import asyncio
import logging
from weakref import WeakValueDictionary

from loco_server.engines.base import Engine, EngineDownError
from loco_server.flows.deploy import app_ref
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key, pull_key
from loco_server.records.apps import Apps
from loco_server.records.deployment_rows import COMING, ROLLING
from loco_server.records.deployments import Deployments
from loco_server.records.facts import Facts
from loco_server.records.stumbles import Stumbles
from loco_server.records.values import AppRecord
from loco_server.registries.base import Registry, RegistryDownError
from loco_spec import names
from loco_spec.errors import StillGoing

log = logging.getLogger("loco.destroy")

RETRY = 2.0
LONGEST_RETRY = 60.0
"""Seconds between two attempts at what could not be finished; they double."""


class Destroy:
    def __init__(
        self,
        *,
        apps: Apps,
        deployments: Deployments,
        facts: Facts,
        engine: Engine,
        registry: Registry,
        closed: ClosedDeployments,
    ) -> None:
        self._apps = apps
        self._deployments = deployments
        self._facts = facts
        self._engine = engine
        self._registry = registry
        self._closed = closed
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._stumbles = Stumbles(log)

    async def run(self, app: AppRecord) -> None:
        """Destroy the app. From the first step on its tokens buy nothing and its rollouts stop.

        Raises:
            StillGoing: engine or registry does not answer. The app is on its way out, and `resume` goes on.
        """
        await self._apps.mark_destroying(app.id)
        self._closed.close(pull_key(app.id, app.pull_generation))
        try:
            await self._finish(app)
        except (EngineDownError, RegistryDownError) as e:
            raise StillGoing(
                f"{app.name} is being destroyed; the server goes on by itself once it can: {e}",
                hint="loco apps shows it until it is gone",
            ) from e

    async def resume(self) -> None:
        """Finish, until cancelled, what was begun: by an earlier server, or while engine or registry were away."""
        pause = RETRY
        while True:
            try:
                going = [app for app in await self._apps.all() if app.destroying]
                done = await asyncio.gather(*(self._attempt(app, pause) for app in going))
                self._stumbles.done()
            except Exception as e:  # noqa: BLE001  it goes on
                self._stumbles.over("looking for what is being destroyed", e)
                done = [False]
            await asyncio.sleep(pause)
            pause = RETRY if all(done) else min(pause * 2, LONGEST_RETRY)

    async def _attempt(self, app: AppRecord, pause: float) -> bool:
        try:
            await self._finish(app)
        except (EngineDownError, RegistryDownError) as e:
            log.warning("destroying %s/%s waits, the next attempt is in %.0f s: %s", app.team, app.name, pause, e)
            return False
        except Exception:
            log.exception("destroying %s/%s stumbled, the next attempt is in %.0f s", app.team, app.name, pause)
            return False
        return True

    async def _finish(self, app: AppRecord) -> None:
        """One at a time for an app: a person who asks twice, and `resume`, wait for the same end."""
        lock = self._under_way.setdefault(app.id, asyncio.Lock())
        async with lock:
            if await self._apps.by_id(app.id) is not None:
                await self._steps(app)

    async def _steps(self, app: AppRecord) -> None:
        for item in await self._deployments.of_app_in(app.id, COMING):
            self._closed.close(deployment_key(app.id, item.number))
            if item.state not in ROLLING:
                await self._deployments.move(
                    app.id, item.number, "cancelled", of=(item.state,), message="the app was destroyed"
                )
            else:
                await self._deployments.request_cancel(app.id, item.number)
        while await self._deployments.of_app_in(app.id, ROLLING):
            await self._deployments.wake.wait(at_most=0.5)
        await self._engine.destroy(app_ref(app))
        repository = names.repository(app.team, app.name, app.id)
        await self._facts.add_garbage()
        for digest in await self._registry.manifests(repository):
            await self._registry.delete(repository, digest)
        await self._apps.delete(app.id)
