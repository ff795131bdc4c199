"""From a deployment's record to the Rollout that an engine is given."""

import logging
from collections.abc import Mapping

from loco_server.engines.base import AppRef, PullCredential, Rollout
from loco_server.gateway.tickets import PullTickets
from loco_server.policy import hosts
from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.records.variables import Variables
from loco_server.sealing import UnreadableError
from loco_server.settings import Settings
from loco_server.workloads import injected, service
from loco_spec import names
from loco_spec.kinds.service import Service
from loco_spec.values import seconds

log = logging.getLogger("loco.rollouts")


class Planner:
    def __init__(
        self,
        *,
        settings: Settings,
        apps: Apps,
        deployments: Deployments,
        variables: Variables,
        pull_tickets: PullTickets,
    ) -> None:
        self._settings = settings
        self._apps = apps
        self._deployments = deployments
        self._variables = variables
        self._pull_tickets = pull_tickets

    async def rollout(self, item: DeploymentRecord) -> Rollout | None:
        """Give what the engine is to make true; None when the app is gone or going.

        Raises:
            UnreadableError: one of its variables cannot be opened.
        """
        app = await self._apps.by_id(item.app_id)
        if app is None or app.destroying or item.digest is None:
            return None
        others = {name: other.spec for name, other in (await self._deployments.live_of_team(app.team_id)).items()}
        return self._rollout(app, item, others, await self._variables.values(app.id, item.variables))

    async def live(self) -> tuple[list[Rollout], frozenset[str]]:
        """Everything that is to run now, and the ids of apps that are to be left as they are."""
        found, unreadable = [], set()
        for item in await self._deployments.in_state("live"):
            try:
                rollout = await self.rollout(item)
            except UnreadableError as e:  # its containers run on: they have what they were started with
                log.error("v%d of app %s cannot be kept true: %s", item.number, item.app_id, e)  # noqa: TRY400
                unreadable.add(item.app_id)
                continue
            if rollout is not None:
                found.append(rollout)
        return found, frozenset(unreadable)

    def _rollout(
        self, app: AppRecord, item: DeploymentRecord, others: Mapping[str, Service], variables: Mapping[str, str]
    ) -> Rollout:
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
            variables=variables,
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
