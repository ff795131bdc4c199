"""An app that may not run: its routes say so, and whatever of it runs is killed and kept as it is."""

import asyncio
from collections.abc import Sequence

from loco_server.edge.base import Edge, EdgeApp, EdgeRoute
from loco_server.engines.base import Suspension
from loco_server.engines.docker.instances import Instances
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
        await self.keep(suspension, await self._listing.now(suspension.app.app_id))

    async def keep(self, suspension: Suspension, there: Sequence[Found]) -> None:
        """The same, for containers that were listed already."""
        running = [found for found in there if found.state not in {"created", "exited", "dead"}]
        # Side by side: an Envoy that does not answer keeps no container alive, nor the other way round.
        done = await asyncio.gather(
            self._say(suspension), *(self._instances.kill(found) for found in running), return_exceptions=True
        )
        for fault in reversed(done):
            if fault is not None:
                raise fault

    async def _say(self, suspension: Suspension) -> None:
        wanted = edge_app(suspension)
        if not wanted.routes:
            await self._edge.retire(wanted.app_id)
        elif self._edge.published().get(wanted.app_id) != wanted:
            await self._edge.publish(wanted)
