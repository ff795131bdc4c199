"""The end of an app: containers, routes, images and records. Begun again from the start when it was interrupted."""

from loco_server.engines.base import Engine
from loco_server.flows.deploy import app_ref
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key, pull_key
from loco_server.records.apps import Apps
from loco_server.records.deployments import ROLLING, Deployments
from loco_server.records.facts import Facts
from loco_server.records.values import AppRecord
from loco_server.registries.base import Registry
from loco_spec import names


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

    async def run(self, app: AppRecord) -> None:
        """Destroy the app. From the first step on its tokens buy nothing and its rollouts stop."""
        await self._apps.mark_destroying(app.id)
        self._closed.close(pull_key(app.id))
        waiting = await self._deployments.of_app(app.id)
        for item in waiting:
            self._closed.close(deployment_key(app.id, item.number))
            if item.state in {"created", "checking", "accepted"}:
                await self._deployments.move(
                    app.id, item.number, "cancelled", of=(item.state,), message="the app was destroyed"
                )
            elif item.state in ROLLING:
                await self._deployments.request_cancel(app.id, item.number)
        while any(item.state in ROLLING for item in await self._deployments.of_app(app.id)):
            await self._deployments.wake.wait(at_most=0.5)
        await self._engine.destroy(app_ref(app))
        repository = names.repository(app.team, app.name, app.id)
        await self._facts.set_garbage(there=True)
        for digest in await self._registry.manifests(repository):
            await self._registry.delete(repository, digest)
        await self._apps.delete(app.id)

    async def resume(self) -> None:
        """Finish what an earlier server began."""
        for app in await self._apps.all():
            if app.destroying:
                await self.run(app)
