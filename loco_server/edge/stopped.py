"""The edge while no Envoy runs: nothing is served, so there is nothing to wait for."""

from collections.abc import Mapping

from loco_server.edge.base import EdgeApp


class StoppedEdge:
    async def publish(self, app: EdgeApp) -> None:
        """Nothing is in force without Envoy; the next start publishes what is true then."""

    async def retire(self, app_id: str) -> None: ...

    async def tidy(self) -> None: ...

    async def active_requests(self, cluster: str) -> int:
        del cluster
        return 0

    async def requests(self) -> Mapping[str, int]:
        return {}

    def published(self) -> Mapping[str, EdgeApp]:
        return {}
