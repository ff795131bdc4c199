"""What runs, and what was tried: apps, one app, its deployments and their events."""

from collections.abc import AsyncIterator

from loco_server.engines.base import Engine, EngineDownError
from loco_server.flows import view
from loco_server.flows.deploy import app_ref
from loco_server.policy import hosts
from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.events import Events
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.settings import Settings
from loco_spec import api
from loco_spec.errors import NotFound
from loco_spec.events import ENDED, DeploymentEvent


class Status:
    def __init__(
        self, *, settings: Settings, apps: Apps, deployments: Deployments, events: Events, engine: Engine
    ) -> None:
        self._settings = settings
        self._apps = apps
        self._deployments = deployments
        self._events = events
        self._engine = engine

    async def apps(self, team_id: str) -> api.Apps:
        """Give the team's apps, by name."""
        found = []
        for app in sorted(await self._apps.of_team(team_id), key=lambda app: app.name):
            newest = await self._deployments.of_app(app.id, limit=1)
            live = await self._deployments.live(app.id)
            found.append(
                api.AppSummary(
                    team=app.team,
                    app=app.name,
                    urls=hosts.urls(live.routes, edge_url=self._settings.edge_url) if live else (),
                    live=live.number if live else None,
                    state=_state(app, newest[0] if newest else None),
                    updated_at=newest[0].created_at if newest else app.created_at,
                )
            )
        return api.Apps(apps=tuple(found))

    async def app(self, app: AppRecord) -> api.AppStatus:
        """Give one app, with the instances that the engine has of it; none when the engine does not answer."""
        newest = await self._deployments.of_app(app.id, limit=1)
        live = await self._deployments.live(app.id)
        try:
            instances = await self._engine.status(app_ref(app))
        except EngineDownError:
            instances = []
        edge_url = self._settings.edge_url
        return api.AppStatus(
            team=app.team,
            app=app.name,
            suspended=app.suspended,
            urls=hosts.urls(live.routes, edge_url=edge_url) if live else (),
            live=view.deployment(app, live, edge_url=edge_url) if live else None,
            latest=view.deployment(app, newest[0], edge_url=edge_url) if newest else None,
            instances=tuple(
                api.Instance(
                    name=item.name,
                    deployment=item.deployment,
                    state=item.state,
                    started_at=item.started_at,
                    restarts=item.restarts,
                    reason=item.reason,
                    diagnosis=item.diagnosis,
                )
                for item in instances
            ),
        )

    async def deployments(self, app: AppRecord, *, limit: int) -> api.Deployments:
        """Give the app's newest deployments, newest first."""
        found = await self._deployments.of_app(app.id, limit=limit)
        return api.Deployments(
            deployments=tuple(view.deployment(app, item, edge_url=self._settings.edge_url) for item in found)
        )

    async def deployment(self, app: AppRecord, number: int) -> api.DeploymentShown:
        """Give one deployment, with what it stands on.

        Raises:
            NotFound: the app has no such number.
        """
        item = await self._deployments.get(app.id, number)
        if item is None:
            raise NotFound(f"{app.name} has no deployment v{number}", hint="loco status")
        return view.shown(app, item, edge_url=self._settings.edge_url)

    async def events(self, app: AppRecord, number: int, after: int) -> list[DeploymentEvent]:
        """Give the events after number `after`.

        Raises:
            NotFound: the app has no such deployment.
        """
        await self.deployment(app, number)
        return await self._events.after(app.id, number, after)

    async def follow(self, app: AppRecord, number: int, after: int) -> AsyncIterator[DeploymentEvent | None]:
        """Give the events after number `after` as they come, until the deployment has ended; None while idle."""
        while True:
            change = self._deployments.wake.next
            # The state is read before the events: what ends the stream has its event in what is read next.
            item = await self._deployments.get(app.id, number)
            found = await self._events.after(app.id, number, after)
            for event in found:
                after = event.number
                yield event
            if item is None or item.state in ENDED:
                return
            if not found:
                yield None
            await self._deployments.wake.wait(at_most=2.0, change=change)


def _state(app: AppRecord, newest: DeploymentRecord | None) -> str:
    if app.destroying:
        return "destroying"
    if app.suspended is not None:
        return "suspended"
    return newest.state if newest else "created"
