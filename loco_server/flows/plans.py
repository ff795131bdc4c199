"""What a deployment would change, and what would refuse it. Nothing is written, nothing is made on the engine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from loco_server.engines.base import Engine, EngineDownError, Rollout
from loco_server.flows import routing
from loco_server.flows import spec as spec_of
from loco_server.flows.deploy import Deploy, asked, draft
from loco_server.flows.login import Caller
from loco_server.flows.source import refuse_source
from loco_server.policy import allowed, quota, suspension
from loco_server.policy.changes import State, changes, pinned, state
from loco_server.records.apps import Apps
from loco_server.records.deployments import Deployments
from loco_server.records.quotas import Quotas
from loco_server.records.values import AppRecord, DeploymentRecord, TeamRecord
from loco_server.records.variables import Variables
from loco_server.settings import Settings
from loco_spec.api import DeploymentCreate
from loco_spec.changes import Plan
from loco_spec.errors import Conflict, LocoError

ENGINE_SECONDS = 20.0
NO_DIGEST = f"sha256:{'0' * 64}"
"""Stands for an image that is not built yet."""
SOME_USER = 10001
"""Stands for the user of such an image."""


class Plans:
    def __init__(
        self,
        *,
        settings: Settings,
        apps: Apps,
        deployments: Deployments,
        variables: Variables,
        quotas: Quotas,
        engine: Engine,
        deploy: Deploy,
        draft: Callable[[AppRecord, DeploymentRecord], Awaitable[Rollout]],
    ) -> None:
        """`draft`: gives what the engine would be given, without the values of variables."""
        self._settings = settings
        self._apps = apps
        self._deployments = deployments
        self._variables = variables
        self._quotas = quotas
        self._engine = engine
        self._deploy = deploy
        self._draft = draft

    async def plan(
        self,
        team: TeamRecord,
        name: str,
        app: AppRecord | None,
        by: Caller,
        request: DeploymentCreate,
        *,
        denied: LocoError | None = None,
    ) -> Plan:
        """Say what `Deploy.create` would do with the same request, and all that it would refuse it for.

        `denied`: why who asks may not deploy; the engine is not asked then.

        Raises:
            LocoError: a spec that does not fit the address it was sent to.
        """
        spec = spec_of.checked(request.spec, team.name, name)
        of, domain = app or draft(team, name), self._settings.domain
        refused = [] if denied is None else [denied]
        with _told(refused):
            suspension.refuse_team(team)
            suspension.refuse_app(of)
        with _told(refused):
            allowed.image(self._settings.identity.allowed_images, spec.image)
        with _told(refused):
            self._deploy.numbers.room()
        with _told(refused):
            refuse_source(of, by)
        if of.destroying:
            refused.append(Conflict(f"{name} is being destroyed; wait a moment", hint="loco apps"))
        routes, notes = await routing.resolved(self._apps, of, spec, domain=domain)
        with _told(refused):
            await routing.refuse(self._apps, of, routes, domain=domain)
        live, pins = await self._deployments.live(of.id), await self._deployments.pins(of.id)
        digests = await self._variables.digests(of.id)
        before = None if live is None else state(live, digests)
        after = State(spec, routes, request.digest, pinned(pins, digests))
        found = changes(before, after)
        said: tuple[str, ...] = ()
        used, size = await self._quotas.usage(team.id, name), request.context_bytes or 0
        if found or request.force:
            with _told(refused):
                self._deploy.numbers.judge(team.name, name, spec, number=True, context=size)(used)
            if not refused:
                with _told(refused):
                    said = await self._said(of, await self._item(of, live, after, pins))
        return Plan(
            team=team.name,
            app=name,
            live=None if live is None else live.number,
            unchanged=not found,
            changes=found,
            notes=(*notes, *await self._notes(team, name, app, live)),
            refused=tuple(error.to_problem() for error in refused),
            quotas=quota.uses(self._settings.limits.team, spec, used, size),
            engine=said,
        )

    async def _notes(
        self, team: TeamRecord, name: str, app: AppRecord | None, live: DeploymentRecord | None
    ) -> list[str]:
        if app is None:
            return [f"team {team.name} has no app {name} yet"]
        found = [f"{app.suspended}; a deployment starts it again"] if app.unused else []
        ahead = await self._deployments.newest_ahead(app.id)
        if ahead is not None and (live is None or ahead.number != live.number):
            found.append(f"v{ahead.number} by {ahead.created_by} is {ahead.state}, and not what this is compared with")
        return found

    async def _said(self, app: AppRecord, item: DeploymentRecord) -> tuple[str, ...]:
        with asked():
            try:
                async with asyncio.timeout(ENGINE_SECONDS):
                    return await self._engine.dry_run(await self._draft(app, item))
            except TimeoutError as e:
                raise EngineDownError(f"the engine gave no answer within {ENGINE_SECONDS:.0f} s") from e

    async def _item(
        self, app: AppRecord, live: DeploymentRecord | None, after: State, pins: Mapping[str, int]
    ) -> DeploymentRecord:
        """The deployment that nobody makes: the next number, and what an unknown image would tell as it is now."""
        newest = await self._deployments.of_app(app.id, limit=1)
        return DeploymentRecord(
            app_id=app.id,
            number=newest[0].number + 1 if newest else 1,
            state="created",
            action="deploy",
            spec=after.spec,
            routes=after.routes,
            digest=after.digest or (live and live.digest) or NO_DIGEST,
            user_id=after.spec.security.user or (live and live.user_id) or SOME_USER,
            group_id=None,
            release=False,
            force=False,
            released=False,
            created_by="",
            created_at=datetime.now(UTC),
            live_at=None,
            ended_at=None,
            reason=None,
            diagnosis=None,
            cancel_requested=False,
            owner=None,
            attempt=1,
            variables=pins,
        )


@contextmanager
def _told(refused: list[LocoError]) -> Iterator[None]:
    """Keep what is said against it, and go on: all reasons come at once."""
    try:
        yield
    except LocoError as e:
        refused.append(e)
