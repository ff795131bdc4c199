"""From a deployment's record to the Rollout that an engine is given."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loco_server.engines.base import AppRef, PullCredential, Rollout, Suspension
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
from loco_spec.values import seconds

log = logging.getLogger("loco.rollouts")

NOTICE = "this app is suspended by the operator of the platform\n"
"""What everybody reads at its hosts; the reason is for its team."""


class NotWantedError(Exception):
    """The app is gone, going or suspended: nothing of it is to run. The message says which."""


@dataclass(frozen=True)
class Truth:
    """What is to be true on the engine."""

    rollouts: tuple[Rollout, ...]
    """All that is to run."""
    untouched: frozenset[str]
    """Ids of apps that are to be left as they are."""
    suspended: tuple[Suspension, ...]


def suspension(app: AppRecord, live: DeploymentRecord | None) -> Suspension:
    """Give what a suspended app is on the engine; `live`: whose routes answer the notice."""
    ref = AppRef(team=app.team, team_id=app.team_id, app=app.name, app_id=app.id)
    return Suspension(app=ref, routes=() if live is None else live.routes, notice=NOTICE)


class Planner:
    def __init__(
        self,
        *,
        settings: Settings,
        apps: Apps,
        deployments: Deployments,
        variables: Variables,
        pull_tickets: PullTickets,
        host: Callable[[AppRef], str],
    ) -> None:
        """`host`: as `Engine.host`."""
        self._host = host
        self._settings = settings
        self._apps = apps
        self._deployments = deployments
        self._variables = variables
        self._pull_tickets = pull_tickets

    async def rollout(self, item: DeploymentRecord) -> Rollout:
        """Give what the engine is to make true.

        Raises:
            NotWantedError: the app is gone, going, or suspended.
            UnreadableError: one of its variables cannot be opened.
        """
        app = await self._apps.by_id(item.app_id)
        if app is None or app.destroying or item.digest is None:
            raise NotWantedError("the app was destroyed")
        if app.suspended is not None:
            raise NotWantedError(app.suspended)
        others = await self._deployments.live_of_team(app.team_id)
        return self._rollout(app, item, others, await self._variables.values(app.id, item.variables))

    async def draft(self, app: AppRecord, item: DeploymentRecord) -> Rollout:
        """Give what the engine would be given for a deployment that nobody has made; no variable is opened for it."""
        others = await self._deployments.live_of_team(app.team_id)
        return self._rollout(app, item, others, dict.fromkeys(item.variables, ""))

    async def truth(self) -> Truth:
        """Give what is to be true now."""
        found, unreadable = [], set()
        suspended = {app.id: app for app in await self._apps.all() if app.suspended is not None and not app.destroying}
        live = {item.app_id: item for item in await self._deployments.in_state("live")}
        for item in live.values():
            try:
                found.append(await self.rollout(item))
            except UnreadableError as e:  # its containers run on: they have what they were started with
                log.error("v%d of app %s cannot be kept true: %s", item.number, item.app_id, e)  # noqa: TRY400
                unreadable.add(item.app_id)
            except NotWantedError:
                continue
        return Truth(
            rollouts=tuple(found),
            untouched=frozenset(unreadable),
            suspended=tuple(suspension(app, live.get(app.id)) for app in suspended.values()),
        )

    def _rollout(
        self,
        app: AppRecord,
        item: DeploymentRecord,
        others: Mapping[str, DeploymentRecord],
        variables: Mapping[str, str],
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
                others={name: other.spec for name, other in others.items()},
                hosts={
                    name: self._host(AppRef(team=app.team, team_id=app.team_id, app=name, app_id=other.app_id))
                    for name, other in others.items()
                },
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
