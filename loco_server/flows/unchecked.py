"""What was being checked by a server that has ended is checked again: its client waits for an answer, or is gone."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.stumbles import Stumbles
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_spec.errors import LocoError

log = logging.getLogger("loco.flows")

CHECKER_GONE = 120.0
"""Seconds of one and the same check after which its server is taken for gone. One that is not is only helped."""
LOOK_EVERY = 10.0


class Unchecked:
    """`image`: takes a deployment through the gates. `alone`: no other server checks anything."""

    def __init__(
        self,
        apps: Apps,
        deployments: Deployments,
        image: Callable[[AppRecord, int, str], Awaitable[object]],
        *,
        alone: bool,
    ) -> None:
        self._apps = apps
        self._deployments = deployments
        self._image = image
        self._since: dict[tuple[str, int], float] = {}
        self._patience = 0.0 if alone else CHECKER_GONE
        self._stumbles = Stumbles(log)

    async def run(self) -> None:
        """Check again, until cancelled, what was being checked by a server that has ended. Nobody else would."""
        while True:
            try:
                await self.take_up()
                self._stumbles.done()
            except Exception as e:  # noqa: BLE001  it goes on
                self._stumbles.over("looking for what is being checked", e)
            await asyncio.sleep(LOOK_EVERY)

    async def take_up(self) -> None:
        """Once: at the start of the only server all that is being checked; else what takes longer than checks do."""
        found = await self._deployments.in_state("checking")
        now = time.monotonic()
        keys = [(item.app_id, item.number) for item in found]
        self._since = {key: self._since.get(key, now) for key in keys}
        patience, self._patience = self._patience, CHECKER_GONE
        for key, item in zip(keys, found, strict=True):
            if now - self._since[key] >= patience:
                await self._resume(item)

    async def _resume(self, item: DeploymentRecord) -> None:
        app = await self._apps.by_id(item.app_id)
        if app is not None and item.digest is not None:
            try:
                await self._image(app, item.number, item.digest)
            except LocoError as e:
                log.info("v%d of %s/%s: %s", item.number, app.team, app.name, e.message)
            except Exception:
                log.exception("v%d of %s/%s: checking its image stumbled", item.number, app.team, app.name)
