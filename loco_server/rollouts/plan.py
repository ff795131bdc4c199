"""From a deployment's record to the Rollout that an engine is given."""

from collections.abc import Mapping

from loco_server.engines.base import AppRef, PullCredential, Rollout
from loco_server.gateway.tickets import PullTickets
from loco_server.policy import hosts
from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.settings import Settings
from loco_server.workloads import injected, service
from loco_spec import names
from loco_spec.kinds.service import Service
from loco_spec.values import seconds


class Planner:
    def __init__(self, *, settings: Settings, apps: Apps, deployments: Deployments, pull_tickets: PullTickets) -> None:
        self._settings = settings
        self._apps = apps
        self._deployments = deployments
        self._pull_tickets = pull_tickets

    async def rollout(self, item: DeploymentRecord) -> Rollout | None:
        """Give what the engine is to make true; None when the app is gone or going."""
        app = await self._apps.by_id(item.app_id)
        if app is None or app.destroying or item.digest is None:
            return None
        others = {name: other.spec for name, other in (await self._deployments.live_of_team(app.team_id)).items()}
        return self._rollout(app, item, others)

    async def live(self) -> list[Rollout]:
        """Everything that is to run now."""
        found = [await self.rollout(item) for item in await self._deployments.in_state("live")]
        return [rollout for rollout in found if rollout is not None]

    def _rollout(self, app: AppRecord, item: DeploymentRecord, others: Mapping[str, Service]) -> Rollout:
        urls = hosts.urls(item.routes, edge_url=self._settings.edge_url)
        repository = names.repository(app.team, app.name, app.id)
        unit = service.unit(
            item.spec,
            image=f"{self._settings.registry_host}/{repository}@{item.digest}",
            user=item.user_id,
            group=item.group_id,
            routes=item.routes,
            injected=injected.variables(
                app=app.name,
                team=app.team,
                deployment=item.number,
                url=urls[0] if urls else None,
                others=others,
            ),
        )
        username, password = self._pull_tickets.make(app.id, app.pull_generation)
        return Rollout(
            app=AppRef(team=app.team, team_id=app.team_id, app=app.name, app_id=app.id),
            deployment=item.number,
            attempt=item.attempt,
            unit=unit,
            pull=PullCredential(registry=self._settings.registry_host, username=username, password=password),
            timeout_seconds=seconds(item.spec.deploy.timeout),
        )
