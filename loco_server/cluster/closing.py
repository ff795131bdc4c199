"""What other servers have closed is refused here too: the records are looked at every second.

A push token is good while its deployment is known to be open. One that is not known yet, because it was made a moment
ago by another server, is looked up by itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key, parse_deployment_key, pull_key
from loco_server.records.openings import Openings
from loco_server.registries.base import RegistryDownError

log = logging.getLogger("loco.closing")

EVERY = 1.0
LATE = 10.0
"""Seconds without a look at the records after which no push goes on: it may have been closed."""
SEE_SECONDS = 3.0
"""The gateway's proxies wait 5 s for an answer, and refuse for good without one."""


class ClosedElsewhere:
    def __init__(
        self, openings: Openings, closed: ClosedDeployments, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._openings = openings
        self._closed = closed
        self._clock = clock
        self._open: set[str] = set()
        self._looked_at = float("-inf")

    async def run(self) -> None:
        """Look until cancelled."""
        failing = False
        while True:
            try:
                async with asyncio.timeout(LATE):
                    await self.look()
                failing = False
            except (SQLAlchemyError, OSError, TimeoutError) as e:
                if not failing:
                    log.warning("what other servers have closed is not known: %s", type(e).__name__)
                failing = True
            except Exception:
                log.exception("looking for what is closed stumbled; it goes on")
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Once: learn what is open, and what nothing may be pulled for."""
        began, before = self._clock(), frozenset(self._open)
        held = await self._openings.held()
        found = {deployment_key(*each) for each in await self._openings.open()}
        self._closed.close_all([pull_key(app_id, generation - 1) for app_id, generation in held])
        self._open = found | (self._open - before)  # what was looked up meanwhile may be younger than this look
        self._looked_at = began

    async def see(self, key: str) -> None:
        """Before a token is judged that names this key: know about it.

        Raises:
            RegistryDownError: nothing is known of it, and the records do not answer.
        """
        parsed = parse_deployment_key(key)
        if parsed is None or self._closed.is_closed(key):  # pulls of what runs go on without the records
            return
        if self._clock() - self._looked_at > LATE:
            raise RegistryDownError("the records do not tell whether the deployment is still open")
        if key in self._open:
            return
        try:
            async with asyncio.timeout(SEE_SECONDS):
                known = await self._openings.is_open(*parsed)
        except (SQLAlchemyError, OSError, TimeoutError) as e:
            raise RegistryDownError("the records do not tell whether the deployment is open") from e
        if not known:
            self._closed.close(key)
        elif not self._closed.is_closed(key):  # by this server, meanwhile
            self._open.add(key)
