"""What every new number goes through, and those that need no image of their own: of what is live, or was once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from loco_server.flows import view
from loco_server.flows.login import Caller
from loco_server.flows.refusing import refuse
from loco_server.flows.source import refuse_source
from loco_server.policy import gates, hosts, quota
from loco_server.records.apps import RouteTakenError
from loco_server.records.deployments import Deployments
from loco_server.records.pins import ValuePurgedError
from loco_server.records.quotas import Judge, Quotas
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.settings import Settings
from loco_spec.api import Deployment
from loco_spec.errors import ConfigError, Conflict, NotFound, Refused
from loco_spec.kinds.service import Service

CREATED_BY_MAX = 40
"""Characters that the records keep of who made a deployment."""


class Numbers:
    def __init__(
        self, *, settings: Settings, free_bytes: Callable[[], int], deployments: Deployments, quotas: Quotas
    ) -> None:
        self._settings = settings
        self._free_bytes = free_bytes
        self._deployments = deployments
        self._quotas = quotas

    async def again(self, app: AppRecord, by: Caller, *, action: str) -> Deployment:
        """A new number of what is live, or about to be, with the newest variables.

        Raises:
            NotFound: nothing is.
        """
        await self.may_again(app, by)
        while True:
            base = await self._deployments.newest_ahead(app.id)
            if base is None or base.digest is None:
                raise NotFound(f"{app.name} has no live deployment to roll again", hint="loco deploy")
            made = await self.roll(app, by, base, action=action, ahead=base.number, variables=None)
            if made is not None:  # else another came in between: once more, on that one
                return made

    async def roll(
        self,
        app: AppRecord,
        by: Caller,
        wanted: DeploymentRecord,
        *,
        action: str,
        ahead: int,
        variables: Mapping[str, int] | None,
        release: bool = False,
    ) -> Deployment | None:
        """A new number with the image, spec and routes of `wanted`, and these variables or the newest.

        None: `ahead` is not the newest that is live or about to be any more; nothing was changed.

        Raises:
            Conflict: a route is somebody else's by now, the image was deleted, or a value purged.
        """
        item = await self._deployments.create(
            app,
            wanted.spec,
            wanted.routes,
            action=action,
            created_by=by.name[:CREATED_BY_MAX],
            creator_id=by.user.id,
            digest=wanted.digest,
            user_id=wanted.user_id,
            group_id=wanted.group_id,
            base=wanted.number,
            release=release,
            ticket_expires_at=datetime.now(UTC) + timedelta(seconds=60),
            judge=self.judge(app.team, app.name, wanted.spec, number=True),
        )
        runs_as, digest = (wanted.user_id, wanted.group_id), wanted.digest or ""
        state = await self.accept(app, item, digest, runs_as, of="created", ahead=ahead, variables=variables)
        return None if state == "cancelled" else self.view(app, await self.get(app, item.number))

    def room(self) -> None:
        """Refuse where the disk is all but full.

        Raises:
            Refused: it is.
        """
        gates.room(self._free_bytes(), self._settings.limits.free_space_bytes, where="the server")

    def judge(
        self, team: str, app: str, spec: Service | None = None, *, number: bool = False, context: int = 0
    ) -> Judge:
        """Give what refuses to let a team have more than its quotas; the records call it where they write."""
        default = self._settings.limits.team
        return partial(quota.refuse, default, team, app, spec, number=number, context=context)

    async def may_again(self, app: AppRecord, by: Caller) -> None:
        """Refuse early what `again` would refuse, where there is something to roll.

        Raises:
            LocoError: who asks may not deploy the app, no room, or too many deployments within the hour.
        """
        refuse_source(app, by)
        self.room()
        if await self._deployments.newest_ahead(app.id) is not None:
            self.judge(app.team, app.name, number=True)(await self._quotas.usage(app.team_id, app.name))

    async def accept(
        self,
        app: AppRecord,
        item: DeploymentRecord,
        digest: str,
        runs_as: tuple[int | None, int | None],
        *,
        of: str = "checking",
        ahead: int | None = None,
        variables: Mapping[str, int] | None = None,
    ) -> str:
        """Let it through to the worker, as the records' `accept`; what speaks against it is how it has failed.

        Raises:
            LocoError: that.
        """
        (user_id, group_id), number = runs_as, item.number
        try:
            hosts.refuse_reserved(item.routes, domain=self._settings.domain)
            return await self._deployments.accept(
                app,
                number,
                digest=digest,
                user_id=user_id,
                group_id=group_id,
                of=of,
                ahead=ahead,
                variables=variables,
                judge=self.judge(app.team, app.name, item.spec),
            )
        except RouteTakenError as e:
            message = f"{e.host}{e.path} belongs to another app by now"
            error = Conflict(message, hint="choose another host under [[routes]] in loco.toml")
            raise await refuse(self._deployments, app.id, number, error, "host-taken", of=of) from e
        except ConfigError as e:
            raise await refuse(self._deployments, app.id, number, e, "host-taken", of=of) from e
        except ValuePurgedError as e:  # the purge was quicker
            message = f"the value of {', '.join(e.names)} was purged; nothing was changed"
            gone = Conflict(message, hint=f"loco variables set {e.names[0]}, then: loco deploy")
            raise await refuse(self._deployments, app.id, number, gone, "value-purged", of=of) from e
        except Conflict as e:  # retention was
            raise await refuse(self._deployments, app.id, number, e, "image-gone", of=of) from e
        except Refused as e:
            raise await refuse(self._deployments, app.id, number, e, "quota-exceeded", of=of) from e

    async def get(self, app: AppRecord, number: int) -> DeploymentRecord:
        item = await self._deployments.get(app.id, number)
        if item is None:
            raise NotFound(f"{app.name} has no deployment v{number}", hint="loco status")
        return item

    def view(self, app: AppRecord, item: DeploymentRecord) -> Deployment:
        return view.deployment(app, item, edge_url=self._settings.edge_url)
