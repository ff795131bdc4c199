"""The log of a build, kept with its deployment: put by the CLI that builds, read by whoever may see the app."""

from loco_server.records import build_logs
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord
from loco_spec import api
from loco_spec.errors import Conflict, NotFound


class BuildLogs:
    def __init__(self, *, deployments: Deployments, logs: build_logs.BuildLogs) -> None:
        self._deployments = deployments
        self._logs = logs

    async def keep(self, app: AppRecord, number: int, text: str) -> None:
        """Store the text.

        Raises:
            NotFound: the app has no such deployment.
            Conflict: its image was handed over already, or it has ended: what is told of it is final.
        """
        if not await self._logs.keep(app.id, number, text):
            item = await self._deployments.get(app.id, number)
            if item is None:
                raise NotFound(f"{app.name} has no deployment v{number}", hint="loco status")
            raise Conflict(f"v{number} is {item.state}; it takes no build log any more", hint="loco status")

    async def read(self, app: AppRecord, number: int | None) -> api.BuildLog:
        """Give the log of a deployment; None: of the newest one that has a log.

        Raises:
            NotFound: none is kept.
        """
        found = await self._logs.get(app.id, number)
        if found is None:
            whose = f"{app.name} has no build log" if number is None else f"no build log is kept of v{number}"
            raise NotFound(
                f"{whose}: one is kept of each build, for the last ten", hint="loco logs --build, or loco deploy"
            )
        return api.BuildLog(
            team=app.team, app=app.name, deployment=found.deployment, kept_at=found.kept_at, text=found.text
        )
