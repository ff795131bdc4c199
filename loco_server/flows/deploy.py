"""Steps 2 and 4 to 5 of a deployment: a number and a ticket, then the image and its gates. Step 6 is the worker's."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from loco_server.engines.base import AppRef, CapacityError, Engine, EngineDownError
from loco_server.flows import routing
from loco_server.flows import spec as spec_of
from loco_server.flows.gates import Gates
from loco_server.flows.login import Caller
from loco_server.flows.numbers import CREATED_BY_MAX, Numbers
from loco_server.flows.refusing import refuse, told
from loco_server.flows.source import refuse_source
from loco_server.flows.unchecked import Unchecked
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key
from loco_server.policy import allowed, changes, quota, tokens
from loco_server.policy.base_images import BaseImage
from loco_server.records.apps import Apps
from loco_server.records.deployment_rows import ROLLING
from loco_server.records.deployments import Deployments
from loco_server.records.quotas import Quotas
from loco_server.records.values import AppRecord, DeploymentRecord, TeamRecord
from loco_server.registries.base import Registry, RegistryDownError
from loco_server.scanners.base import Scanner
from loco_server.settings import Settings
from loco_spec import names
from loco_spec.api import Deployment, DeploymentCreate, DeploymentCreated, Failure, PushTicket
from loco_spec.errors import (
    Conflict,
    EngineUnavailable,
    ImageRefused,
    LocoError,
    Refused,
    RegistryUnreachable,
)
from loco_spec.events import ENDED

log = logging.getLogger("loco.deploy")


def draft(team: TeamRecord, name: str) -> AppRecord:
    """Give an app that is not written down yet, so that a refusal leaves nothing behind."""
    return AppRecord(names.new_id(), team.id, team.name, name, pull_generation=1, created_at=datetime.now(UTC))


def app_ref(app: AppRecord) -> AppRef:
    return AppRef(team=app.team, team_id=app.team_id, app=app.name, app_id=app.id)


@contextmanager
def asked() -> Iterator[None]:
    """What the engine says no with, as the person is told it."""
    try:
        yield
    except CapacityError as e:
        raise Refused(str(e), hint="ask the operator of this server") from e
    except EngineDownError as e:
        raise EngineUnavailable(str(e), hint="ask the operator of this server to start it, then: loco deploy") from e


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
        quotas: Quotas,
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
        self._quotas = quotas
        self.numbers = Numbers(settings=settings, free_bytes=host.free_bytes, deployments=deployments, quotas=quotas)
        self._engine = engine
        self._gates = Gates(registry, scanner, host.platform, base_images)
        self._closed = closed
        self.unchecked = Unchecked(apps, deployments, self.image, alone=settings.cluster is None)
        self._checks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    @property
    def platform(self) -> str:
        return self._host.platform

    async def create(self, team: TeamRecord, name: str, by: Caller, request: DeploymentCreate) -> DeploymentCreated:
        """Give out a number and a push ticket, or say that nothing changed.

        Raises:
            LocoError: no room, a host that is taken, a spec that does not fit the address it was sent to.
        """
        spec = spec_of.checked(request.spec, team.name, name)
        allowed.image(self._settings.identity.allowed_images, spec.image)
        self.numbers.room()
        app = await self._apps.find(team.id, name) or draft(team, name)
        refuse_source(app, by)
        if app.destroying:
            raise Conflict(f"{name} is being destroyed; wait a moment", hint="loco apps")
        routes, notes = await routing.routes(self._apps, app, spec, domain=self._settings.domain)
        live = await self._deployments.live(app.id)
        if (
            live is not None
            and not request.force
            and request.digest is not None
            and changes.same(live, spec, routes, request.digest, await self._deployments.pins(app.id))
        ):
            return DeploymentCreated(deployment=self.numbers.view(app, live), unchanged=True, notes=notes)
        judge = self.numbers.judge(team.name, name, spec, number=True, context=request.context_bytes or 0)
        judge(await self._quotas.usage(team.id, name))  # before anything is made for it
        with asked():
            await self._engine.prepare(app_ref(app))
        app = await self._apps.create(app, judge)
        password = secrets.token_urlsafe(32)
        expires_at = datetime.now(UTC) + timedelta(seconds=self._settings.limits.ticket_seconds)
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
            judge=judge,
        )
        ticket = PushTicket(
            registry=self._settings.push_host,
            repository=names.repository(app.team, app.name, app.id),
            tag=f"v{item.number}",
            username=deployment_key(app.id, item.number),
            password=password,
            expires_at=expires_at,
        )
        return DeploymentCreated(deployment=self.numbers.view(app, item), ticket=ticket, notes=notes)

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
            item = await self.numbers.get(app, number)
            if item.state != "checking" or item.digest != digest:
                return self._again(app, item, digest)
            return await self._check(app, item, digest)

    async def resume(self) -> None:
        """Check again, until cancelled, what was being checked by a server that has ended. Nobody else would."""
        await self.unchecked.run()

    async def redeploy(self, app: AppRecord, by: Caller) -> Deployment:
        """Roll the newest image and spec again, as a new number, with the newest variables.

        Raises:
            NotFound: nothing is live.
        """
        return await self.numbers.again(app, by, action="redeploy")

    async def cancel(self, app: AppRecord, number: int, failure: Failure | None = None) -> Deployment:
        """Stop a deployment that is not live yet; the worker undoes what a rollout has begun.

        `failure`: why its image will never come. Then it has not been cancelled but has failed, and says with what.

        Raises:
            Conflict: it has ended, or is live.
        """
        early = ("created", "checking", "accepted")
        failed = failure is not None and await self._deployments.move(
            app.id, number, "failed", of=("created",), message=failure.message, diagnosis=told(failure)
        )
        if failed or await self._deployments.move(
            app.id, number, "cancelled", of=early, message="cancelled; nothing was changed"
        ):
            self._closed.close(deployment_key(app.id, number))
        elif not await self._deployments.request_cancel(app.id, number):
            item = await self.numbers.get(app, number)
            if item.state in ENDED and item.state != "cancelled":
                raise Conflict(f"v{number} is {item.state}; there is nothing to cancel", hint="loco status")
        return self.numbers.view(app, await self.numbers.get(app, number))

    async def _check(self, app: AppRecord, item: DeploymentRecord, digest: str) -> Deployment:
        """Take a deployment that is `checking` out of that state, whatever happens."""
        number = item.number
        live = await self._deployments.live(app.id)
        pins = await self._deployments.pins(app.id)
        if live is not None and not item.force and changes.same(live, item.spec, item.routes, digest, pins):
            message = f"v{live.number} is live, nothing changed"
            await self._deployments.move(app.id, number, "cancelled", of=("checking",), message=message)
            return self.numbers.view(app, live)
        began = time.monotonic()
        try:
            limits = quota.effective(self._settings.limits.team, await self._quotas.get(app.team_id))
            runs_as = await self._gates.passed(app, item.spec, digest, image_bytes=limits.image)
        except RegistryDownError as e:
            error: LocoError = RegistryUnreachable(str(e), hint="loco deploy")
            raise await refuse(self._deployments, app.id, number, error, "registry-away", began=began) from e
        except ImageRefused as e:
            raise await refuse(self._deployments, app.id, number, e, "image-gone", began=began) from e
        except Exception:
            error = LocoError("a defect of the server; its log has the trace", hint="loco deploy")
            await refuse(self._deployments, app.id, number, error, "server-fault", began=began)
            raise
        await self.numbers.accept(app, item, digest, runs_as)
        return self.numbers.view(app, await self.numbers.get(app, number))

    def _again(self, app: AppRecord, item: DeploymentRecord, digest: str) -> Deployment:
        """The same request a second time (its first answer was lost) gets the same answer."""
        if item.digest == digest and item.state in {"accepted", *ROLLING, "live", "superseded"}:
            return self.numbers.view(app, item)
        raise Conflict(
            f"v{item.number} is {item.state}{f': {item.reason}' if item.reason else ''}; it takes no image any more",
            hint="loco deploy",
        )
