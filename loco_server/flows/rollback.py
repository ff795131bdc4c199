"""Rollback: what served before, as a new number: image, configuration, versions of variables and routes together."""

from collections.abc import Sequence
from dataclasses import dataclass

from loco_server.flows import routing
from loco_server.flows.login import Caller
from loco_server.flows.numbers import Numbers
from loco_server.policy import rollback as policy
from loco_server.policy import suspension
from loco_server.policy.changes import Digests, changes, state
from loco_server.records.apps import Apps
from loco_server.records.change import tell
from loco_server.records.deployment_rows import UNDER_WAY
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.records.variables import Variables
from loco_server.registries.base import ImageMissingError, Registry, RegistryDownError
from loco_spec import again as wire
from loco_spec import names
from loco_spec.errors import Conflict, LocoError, NotFound, RegistryUnreachable
from loco_spec.events import NEVER_SERVED

SERVED_MOST = 100
"""So many that served are looked at for the one that is meant by default, and for those that can be."""


@dataclass(frozen=True)
class _Found:
    target: DeploymentRecord
    live: DeploymentRecord
    shown: wire.Rollback


class Rollback:
    def __init__(
        self, *, apps: Apps, deployments: Deployments, variables: Variables, registry: Registry, numbers: Numbers
    ) -> None:
        self._apps = apps
        self._deployments = deployments
        self._variables = variables
        self._registry = registry
        self._numbers = numbers

    async def look(self, app: AppRecord, number: int | None) -> wire.Rollback:
        """Tell what a rollback would change.

        Raises:
            LocoError: what speaks against it, as of `run`.
        """
        return (await self._find(app, number)).shown

    async def run(self, app: AppRecord, by: Caller, asked: wire.RollbackStart) -> wire.Rollback:
        """Roll out once more what served before. Its release command runs only where that is asked for.

        Raises:
            NotFound: there is no such number, or nothing is live.
            Conflict: it never was live; its image, the value of a variable or one of its hosts is gone; another
                rollout is under way; or what is live is not what was looked at.
            LocoError: who asks may not deploy the app; a quota.
        """
        await self._numbers.may_again(app, by)
        while True:
            found = await self._find(app, asked.number)
            target, live = found.target, found.live
            if asked.live not in {None, live.number}:
                raise Conflict(
                    f"v{live.number} by {live.created_by} is live by now, and not v{asked.live}; nothing was changed",
                    hint="loco rollback",
                )
            if found.shown.unchanged and not asked.release:
                return found.shown
            tell(to=target.number, release=asked.release)
            made = await self._numbers.roll(
                app,
                by,
                target,
                action="rollback",
                ahead=live.number,
                variables=target.variables,
                release=asked.release,
            )
            if made is not None:  # else another was accepted just now: the next look says which
                return found.shown.model_copy(update={"deployment": made, "unchanged": False})

    async def _find(self, app: AppRecord, number: int | None) -> _Found:
        await self._refuse_busy(app)
        live = await self._deployments.live(app.id)
        if live is None:
            raise NotFound(f"nothing of {app.name} is live, and nothing was before", hint="loco deploy")
        served = await self._deployments.served(app.id, limit=SERVED_MOST)
        digests = await self._variables.digests(app.id)
        can = policy.possible(live, served, digests)
        target = policy.before(live, served) if number is None else await self._deployments.get(app.id, number)
        if target is None and number is None:
            raise Conflict(f"nothing else served before v{live.number}; there is no way back", hint="loco deploy")
        if target is None:
            raise NotFound(f"{app.name} has no deployment v{number}", hint=_hint(can))
        if target.live_at is None:
            why = f": {target.reason}" if target.reason else ""
            raise Conflict(f"v{target.number} never was live, it is {target.state}{why}", hint=_hint(can))
        unchanged = policy.alike(target, live)
        if not unchanged:
            await self._refuse_gone(app, target, digests, hint=_hint(can))
        shown = wire.Rollback(
            to=self._numbers.view(app, target),
            live=self._numbers.view(app, live),
            changes=() if unchanged else changes(state(live, digests), state(target, digests)),
            unchanged=unchanged,
            has_release_command=target.spec.deploy.release_command is not None,
            notes=await self._notes(app, live) if number is None else (),
        )
        return _Found(target, live, shown)

    async def _notes(self, app: AppRecord, live: DeploymentRecord) -> tuple[str, ...]:
        """Who goes back after a failure may take what failed for what serves."""
        [newest] = await self._deployments.of_app(app.id, limit=1)
        if newest.number < live.number or newest.state not in NEVER_SERVED:
            return ()
        return (f"v{newest.number} is {newest.state} and never served: what is taken back is v{live.number}",)

    async def _refuse_busy(self, app: AppRecord) -> None:
        if app.destroying:
            raise Conflict(f"{app.name} is being destroyed; wait a moment", hint="loco apps")
        suspension.refuse_app(app)
        ahead = await self._deployments.of_app_in(app.id, UNDER_WAY)
        if ahead:
            item = ahead[-1]
            raise Conflict(
                f"v{item.number} ({item.action}) by {item.created_by} is {item.state}; a rollback waits for its end",
                hint="loco status, then: loco rollback",
            )

    async def _refuse_gone(self, app: AppRecord, target: DeploymentRecord, digests: Digests, *, hint: str) -> None:
        this = f"v{target.number} cannot come back"
        purged = policy.missing(target, digests)
        if purged:
            raise Conflict(f"{this}: the value of {', '.join(purged)} was purged", hint=hint)
        for route in target.routes:
            if not await routing.free(self._apps, app, route.host, route.path):
                raise Conflict(f"{this}: {route.host}{route.path} belongs to another app by now", hint=hint)
        if target.image_deleted:
            raise _image_gone(this, hint)
        try:
            await self._registry.image(names.repository(app.team, app.name, app.id), target.digest or "")
        except ImageMissingError as e:
            raise _image_gone(this, hint) from e
        except RegistryDownError as e:
            raise RegistryUnreachable(str(e), hint="loco rollback, once the registry answers") from e


def _image_gone(this: str, hint: str) -> LocoError:
    return Conflict(f"{this}: its image is not in the registry any more", hint=hint)


def _hint(can: Sequence[int]) -> str:
    if not can:
        return "loco deploy: nothing that served before can come back"
    listed = ", ".join(f"v{number}" for number in can[: policy.LISTED])
    return f"what can come back: {listed}{' and more' if len(can) > policy.LISTED else ''}: loco rollback v{can[0]}"
