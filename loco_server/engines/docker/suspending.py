"""An app that may not run: its routes say so, and whatever of it runs is killed and kept as it is."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from loco_server.edge.base import Edge, EdgeApp, EdgeRoute
from loco_server.engines.base import Suspension
from loco_server.engines.docker.instances import Instances, together
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.names import Found


def edge_app(suspension: Suspension) -> EdgeApp:
    """What the edge serves of it."""
    return EdgeApp(
        app_id=suspension.app.app_id,
        clusters=(),
        routes=tuple(EdgeRoute(route.host, route.path, False, "") for route in suspension.routes),
        notice=suspension.notice,
    )


class Suspender:
    def __init__(self, instances: Instances, listing: Listing, edge: Edge) -> None:
        self._instances = instances
        self._listing = listing
        self._edge = edge

    async def suspend(self, suspension: Suspension) -> None:
        """As `Engine.suspend` promises.

        Raises:
            EdgeRejectedError: the edge does not say so. What ran is stopped all the same.
        """
        await _both(self._say(suspension), self._kill_all(suspension))

    async def keep(self, suspension: Suspension, there: Sequence[Found]) -> None:
        """The same, for containers that were listed already."""
        await _both(self._say(suspension), self._kill(there))

    async def _kill_all(self, suspension: Suspension) -> None:
        await self._kill(await self._listing.now(suspension.app.app_id))

    async def _kill(self, there: Sequence[Found]) -> None:
        running = [found for found in there if found.state not in {"created", "exited", "dead"}]
        await together([self._instances.kill(found) for found in running])

    async def _say(self, suspension: Suspension) -> None:
        wanted = edge_app(suspension)
        if not wanted.routes:
            await self._edge.retire(wanted.app_id)
        elif self._edge.published().get(wanted.app_id) != wanted:
            await self._edge.publish(wanted)


async def _both(saying: Coroutine[Any, Any, None], killing: Coroutine[Any, Any, None]) -> None:
    """Side by side: an Envoy that does not answer keeps no container alive, nor an engine a page away."""
    for fault in reversed(await asyncio.gather(saying, killing, return_exceptions=True)):
        if fault is not None:
            raise fault
