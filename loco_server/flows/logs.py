"""An app's log: the engine has the lines, the records say why a deployment has none."""

from collections.abc import AsyncIterator

from loco_server.engines.base import Engine, LogQuery, NothingKeptError
from loco_server.records.deployments import Deployments
from loco_server.records.kept_logs import KEPT_DEPLOYMENTS, KeptLogs
from loco_spec.errors import NotFound
from loco_spec.events import LogBatch


class Logs:
    def __init__(self, *, engine: Engine, deployments: Deployments, kept: KeptLogs) -> None:
        self._engine = engine
        self._deployments = deployments
        self._kept = kept

    async def read(self, query: LogQuery) -> AsyncIterator[LogBatch]:
        """Give what the engine gives.

        Raises:
            NotFound: the app has no such deployment, or nothing is kept of it.
            EngineDownError, UsageError: as the engine.
        """
        number = query.deployment
        if number is not None and await self._deployments.get(query.app.app_id, number) is None:
            raise NotFound(f"{query.app.app} has no deployment v{number}", hint="loco status")
        if number is not None and query.follow and (gone := await self._dropped(query.app.app_id, number)):
            raise gone  # nobody need wait for it
        try:
            async for batch in self._engine.logs(query):
                yield batch
        except NothingKeptError as e:
            app_id, number = query.app.app_id, number or 0
            raise await self._dropped(app_id, number) or await self._nothing(app_id, number) from e

    async def _dropped(self, app_id: str, number: int) -> NotFound | None:
        since = await self._kept.dropped_at(app_id, number)
        if since is None:
            return None
        return NotFound(
            f"v{number}: not kept since {since:%Y-%m-%dT%H:%M:%SZ}: lines are kept of the last {KEPT_DEPLOYMENTS}"
            " deployments whose instances have ended",
            hint="loco logs -p",
        )

    async def _nothing(self, app_id: str, number: int) -> NotFound:
        item = await self._deployments.get(app_id, number)
        state = "gone" if item is None else item.state
        return NotFound(
            f"nothing is kept of v{number}, which is {state}: no instance of it has said anything",
            hint=f"loco logs --build --deployment v{number}" if state == "failed" else "loco status",
        )
