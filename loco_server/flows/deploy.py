"""Steps 2 and 4 to 5 of a deployment: a number and a ticket, then the image and its gates. Step 6 is the worker's."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from loco_server.engines.base import AppRef, CapacityError, Engine, EngineDownError
from loco_server.flows import routing, view
from loco_server.flows import spec as spec_of
from loco_server.flows.login import Caller
from loco_server.flows.source import refuse_source
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key
from loco_server.policy import gates, hosts, tokens
from loco_server.policy.base_images import BaseImage
from loco_server.records.apps import Apps, RouteTakenError
from loco_server.records.deployments import ROLLING, Deployments
from loco_server.records.values import AppRecord, DeploymentRecord, TeamRecord
from loco_server.registries.base import ImageMissingError, ImageUnreadableError, Registry, RegistryDownError
from loco_server.scanners.base import Scanner
from loco_server.settings import Settings
from loco_spec import image_rules, names
from loco_spec.api import Deployment, DeploymentCreate, DeploymentCreated, PushTicket
from loco_spec.errors import (
    ConfigError,
    Conflict,
    EngineUnavailable,
    ImageRefused,
    LocoError,
    NotFound,
    Refused,
    RegistryUnreachable,
)
from loco_spec.events import ENDED
from loco_spec.kinds.service import Service

log = logging.getLogger("loco.deploy")

CREATED_BY_MAX = 40
"""Characters that the records keep of who made a deployment."""


def app_ref(app: AppRecord) -> AppRef:
    return AppRef(team=app.team, team_id=app.team_id, app=app.name, app_id=app.id)


@dataclass(frozen=True)
class Host:
    """What the flow asks of the machine it runs on."""

    platform: str
    """What the apps run on: `linux/amd64`."""
    free_bytes: Callable[[], int]


class Deploy:
    def __init__(
        self,
        *,
        settings: Settings,
        host: Host,
        apps: Apps,
        deployments: Deployments,
        engine: Engine,
        registry: Registry,
        scanner: Scanner,
        closed: ClosedDeployments,
        base_images: Sequence[BaseImage] = (),
    ) -> None:
        self._settings = settings
        self._host = host
        self._apps = apps
        self._deployments = deployments
        self._engine = engine
        self._registry = registry
        self._scanner = scanner
        self._closed = closed
        self._checks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._base_images = base_images

    @property
    def platform(self) -> str:
        return self._host.platform

    async def create(self, team: TeamRecord, name: str, by: Caller, request: DeploymentCreate) -> DeploymentCreated:
        """Give out a number and a push ticket, or say that nothing changed.

        Raises:
            LocoError: no room, a host that is taken, a spec that does not fit the address it was sent to.
        """
        spec = spec_of.checked(request.spec, team.name, name)
        limits = self._settings.limits
        self.room()
        app = await self._apps.find(team.id, name) or await self.draft(team, name)
        refuse_source(app, by)
        if app.destroying:
            raise Conflict(f"{name} is being destroyed; wait a moment", hint="loco apps")
        routes, notes = await routing.routes(self._apps, app, spec, domain=self._settings.domain)
        await self._prepare(app)
        live = await self._deployments.live(app.id)
        if (
            live is not None
            and not request.force
            and request.digest is not None
            and spec_of.same(live, spec, routes, request.digest, await self._deployments.pins(app.id))
        ):
            return DeploymentCreated(deployment=self._view(app, live), unchanged=True, notes=notes)
        app = await self._apps.create(app)
        password = secrets.token_urlsafe(32)
        expires_at = datetime.now(UTC) + timedelta(seconds=limits.ticket_seconds)
        item = await self._deployments.create(
            app,
            spec,
            routes,
            action="deploy",
            created_by=by.name[:CREATED_BY_MAX],
            creator_id=by.user.id,
            release=request.release,
            force=request.force,
            ticket_sha256=tokens.digest(password),
            ticket_expires_at=expires_at,
        )
        ticket = PushTicket(
            registry=self._settings.push_host,
            repository=names.repository(app.team, app.name, app.id),
            tag=f"v{item.number}",
            username=deployment_key(app.id, item.number),
            password=password,
            expires_at=expires_at,
        )
        return DeploymentCreated(deployment=self._view(app, item), ticket=ticket, notes=notes)

    async def image(self, app: AppRecord, number: int, digest: str, *, by: Caller | None = None) -> Deployment:
        """Take the pushed image through the gates to the worker.

        An image, spec and routes equal to what is live end the number as `cancelled`, and the live deployment is
        what the answer shows.

        Raises:
            ImageRefused: a gate said no; the deployment has failed.
            Conflict: it is not waiting for an image.
        """
        if by is not None:  # None: the server goes on with what it took before
            refuse_source(app, by)
        if await self._deployments.move(
            app.id, number, "checking", of=("created",), message="the image was pushed; checking it", digest=digest
        ):
            self._closed.close(deployment_key(app.id, number))
        lock = self._checks.setdefault((app.id, number), asyncio.Lock())
        async with lock:  # who asks again while the first answer is under way gets the same one
            item = await self._get(app, number)
            if item.state != "checking" or item.digest != digest:
                return self._again(app, item, digest)
            return await self._check(app, item, digest)

    async def resume(self) -> None:
        """At the start: check again what was being checked when the server before ended. Nobody else would."""
        for item in await self._deployments.in_state("checking"):
            app = await self._apps.by_id(item.app_id)
            if app is not None and item.digest is not None:
                try:
                    await self.image(app, item.number, item.digest)
                except LocoError as e:
                    log.info("v%d of %s/%s: %s", item.number, app.team, app.name, e.message)
                except Exception:
                    log.exception("v%d of %s/%s: checking its image stumbled", item.number, app.team, app.name)

    async def redeploy(self, app: AppRecord, by: Caller) -> Deployment:
        """Roll the newest image and spec again, as a new number, with the newest variables.

        Raises:
            NotFound: nothing is live.
        """
        return await self.again(app, by, action="redeploy")

    async def again(self, app: AppRecord, by: Caller, *, action: str) -> Deployment:
        """A new number without an image of its own: it has that of what is live, or about to be.

        Raises:
            NotFound: nothing is.
        """
        refuse_source(app, by)
        self.room()
        while True:
            base = await self._deployments.newest_ahead(app.id)
            if base is None or base.digest is None:
                raise NotFound(f"{app.name} has no live deployment to roll again", hint="loco deploy")
            item = await self._deployments.create(
                app,
                base.spec,
                base.routes,
                action=action,
                created_by=by.name[:CREATED_BY_MAX],
                creator_id=by.user.id,
                digest=base.digest,
                user_id=base.user_id,
                group_id=base.group_id,
                ticket_expires_at=datetime.now(UTC) + timedelta(seconds=60),
            )
            runs_as = (base.user_id, base.group_id)
            state = await self._accept(app, item.number, base.digest, runs_as, of="created", base=base.number)
            if state != "cancelled":  # else another came in between: once more, on that one
                return self._view(app, await self._get(app, item.number))

    async def cancel(self, app: AppRecord, number: int) -> Deployment:
        """Stop a deployment that is not live yet; the worker undoes what a rollout has begun.

        Raises:
            Conflict: it has ended, or is live.
        """
        early = ("created", "checking", "accepted")
        if await self._deployments.move(
            app.id, number, "cancelled", of=early, message="cancelled; nothing was changed"
        ):
            self._closed.close(deployment_key(app.id, number))
        elif not await self._deployments.request_cancel(app.id, number):
            item = await self._get(app, number)
            if item.state in ENDED and item.state != "cancelled":
                raise Conflict(f"v{number} is {item.state}; there is nothing to cancel", hint="loco status")
        return self._view(app, await self._get(app, number))

    async def _check(self, app: AppRecord, item: DeploymentRecord, digest: str) -> Deployment:
        """Take a deployment that is `checking` out of that state, whatever happens."""
        number = item.number
        live = await self._deployments.live(app.id)
        pins = await self._deployments.pins(app.id)
        if live is not None and not item.force and spec_of.same(live, item.spec, item.routes, digest, pins):
            message = f"v{live.number} is live, nothing changed"
            await self._deployments.move(app.id, number, "cancelled", of=("checking",), message=message)
            return self._view(app, live)
        try:
            runs_as = await self._pass_gates(app, item.spec, digest)
        except RegistryDownError as e:
            await self._deployments.move(app.id, number, "failed", of=("checking",), message=str(e))
            raise RegistryUnreachable(str(e), hint="loco deploy") from e
        except ImageRefused as e:
            await self._deployments.move(app.id, number, "failed", of=("checking",), message=e.message)
            raise
        except Exception:
            message = "a defect of the server; its log has the trace"
            await self._deployments.move(app.id, number, "failed", of=("checking",), message=message)
            raise
        await self._accept(app, number, digest, runs_as)
        return self._view(app, await self._get(app, number))

    def _again(self, app: AppRecord, item: DeploymentRecord, digest: str) -> Deployment:
        """The same request a second time (its first answer was lost) gets the same answer."""
        if item.digest == digest and item.state in {"accepted", *ROLLING, "live", "superseded"}:
            return self._view(app, item)
        raise Conflict(
            f"v{item.number} is {item.state}{f': {item.reason}' if item.reason else ''}; it takes no image any more",
            hint="loco deploy",
        )

    async def _pass_gates(self, app: AppRecord, spec: Service, digest: str) -> tuple[int, int | None]:
        """Give the user and the group, if it says one, that the image runs as."""
        repository = names.repository(app.team, app.name, app.id)
        try:
            facts = await self._registry.image(repository, digest)
        except ImageMissingError as e:
            raise ImageRefused(f"the registry has no image {digest}: {e}", hint="loco deploy") from e
        built = spec.image is None
        image_rules.stored_size(facts.compressed_size, self._settings.limits.image_bytes)
        image_rules.platform([facts.platform], self._host.platform, built=built)
        gates.base(facts, self._base_images)
        override = spec.security.user
        user = group = None
        try:
            if override is None and (name := image_rules.named_user(facts.user)) is not None:
                user = await self._registry.user_id(repository, facts, name)
            if override is None and (name := image_rules.named_group(facts.user)) is not None:
                group = await self._registry.group_id(repository, facts, name)
        except ImageUnreadableError as e:
            raise ImageRefused(str(e), hint="USER 10001 in the Dockerfile, then: loco deploy") from e
        user_id = image_rules.user_id(facts.user, override=override, looked_up=user, built=built)
        group_id = image_rules.group_id(facts.user, looked_up=group) if override is None else None
        gates.scan(await self._scanner.scan(repository, digest))
        return user_id, group_id

    async def _accept(
        self,
        app: AppRecord,
        number: int,
        digest: str,
        runs_as: tuple[int | None, int | None],
        *,
        of: str = "checking",
        base: int | None = None,
    ) -> str:
        user_id, group_id = runs_as
        try:
            hosts.refuse_reserved((await self._get(app, number)).routes, domain=self._settings.domain)
            return await self._deployments.accept(
                app, number, digest=digest, user_id=user_id, group_id=group_id, of=of, base=base
            )
        except RouteTakenError as e:
            message = f"{e.host}{e.path} belongs to another app by now"
            await self._deployments.move(app.id, number, "failed", of=(of,), message=message)
            raise Conflict(message, hint="choose another host under [[routes]] in loco.toml") from e
        except ConfigError as e:
            await self._deployments.move(app.id, number, "failed", of=(of,), message=e.message)
            raise

    def room(self) -> None:
        """Refuse where the disk is all but full.

        Raises:
            Refused: it is.
        """
        gates.room(self._host.free_bytes(), self._settings.limits.free_space_bytes, where="the server")

    async def draft(self, team: TeamRecord, name: str) -> AppRecord:
        """Give an app that is not written down yet, so that a refusal leaves nothing behind."""
        most = self._settings.limits.apps_per_team
        if len(await self._apps.of_team(team.id)) >= most:
            raise Refused(
                f"team {team.name} has {most} apps, the most it may have",
                hint="loco destroy an app that is not needed any more",
            )
        return AppRecord(
            id=names.new_id(),
            team_id=team.id,
            team=team.name,
            name=name,
            pull_generation=1,
            created_at=datetime.now(UTC),
        )

    async def _prepare(self, app: AppRecord) -> None:
        try:
            await self._engine.prepare(app_ref(app))
        except CapacityError as e:
            raise Refused(str(e), hint="ask the operator of this server") from e
        except EngineDownError as e:
            raise EngineUnavailable(
                str(e), hint="ask the operator of this server to start it, then: loco deploy"
            ) from e

    async def _get(self, app: AppRecord, number: int) -> DeploymentRecord:
        item = await self._deployments.get(app.id, number)
        if item is None:
            raise NotFound(f"{app.name} has no deployment v{number}", hint="loco status")
        return item

    def _view(self, app: AppRecord, item: DeploymentRecord) -> Deployment:
        return view.deployment(app, item, edge_url=self._settings.edge_url)
