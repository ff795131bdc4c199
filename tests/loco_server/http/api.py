"""The API in process: real records, flows and endpoints; the engine and the registry in memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from loco_server.flows.account import ManageAccount
from loco_server.flows.attach import Attach
from loco_server.flows.build_logs import BuildLogs
from loco_server.flows.deploy import Deploy, Host
from loco_server.flows.destroy import Destroy
from loco_server.flows.login import Invitations, Login
from loco_server.flows.logs import Logs
from loco_server.flows.plans import Plans
from loco_server.flows.rollback import Rollback
from loco_server.flows.scale import Scaling
from loco_server.flows.status import Status
from loco_server.flows.teams import ManageTeams
from loco_server.flows.tokens import ManageTokens
from loco_server.flows.trust import Trust
from loco_server.flows.variables import VariablesFlow
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import PullTickets
from loco_server.http.app import api_app
from loco_server.http.call import Services
from loco_server.http.rates import Rates
from loco_server.identity.base import IdentityProvider, IdentityTokens
from loco_server.identity.local import LocalIdentity
from loco_server.identity.oidc import Oidc
from loco_server.policy.base_images import BaseImage
from loco_server.records import build_logs
from loco_server.records.kept_logs import KeptLogs
from loco_server.records.trust import TrustRules
from loco_server.rollouts.plan import Planner
from loco_server.scanners.none import NoScanner
from loco_server.settings import Settings
from loco_spec import api
from loco_spec.errors import LocoError, from_problem
from loco_spec.kinds.service import Service
from loco_spec.version import VERSION, VERSION_HEADER
from tests.loco_server.fakes import FakeEngine, FakeRegistry
from tests.loco_server.records.databases import DIGEST, Records


@dataclass(frozen=True)
class Outside:
    """Who is asked over the internet: strict stand-ins, where a test is about them."""

    providers: Mapping[str, IdentityProvider] = field(default_factory=dict)
    identity_tokens: IdentityTokens | None = None
    invitations: Invitations | None = None


NOBODY = Outside()


class Api:
    """One server, and clients that are signed in to it."""

    def __init__(
        self,
        records: Records,
        settings: Settings,
        bases: Sequence[BaseImage] = (),
        outside: Outside = NOBODY,
        rates: Rates | None = None,
    ) -> None:
        self.records = records
        self.settings = settings
        self.engine = FakeEngine()
        self.registry = FakeRegistry()
        self.closed = ClosedDeployments(keep_seconds=300)
        self.free = 10**12
        self.kept_logs = KeptLogs(records.database)
        deploy = Deploy(
            settings=settings,
            host=Host(platform="linux/amd64", free_bytes=lambda: self.free),
            apps=records.apps,
            deployments=records.deployments,
            quotas=records.quotas,
            engine=self.engine,
            registry=self.registry,
            scanner=NoScanner(),
            closed=self.closed,
            base_images=bases,
        )
        local = LocalIdentity(settings.run_dir / "login", user="ann")
        self.login = Login(
            records.people,
            {"local": local, **outside.providers},
            sign_up=settings.identity.sign_up,
            invitations=outside.invitations,
        )
        issuers = settings.identity.issuers
        planner = Planner(
            settings=settings,
            apps=records.apps,
            deployments=records.deployments,
            variables=records.variables,
            pull_tickets=PullTickets(b"k" * 32),
            host=self.engine.host,
        )
        self.destroy = Destroy(
            apps=records.apps,
            deployments=records.deployments,
            facts=records.facts,
            engine=self.engine,
            registry=self.registry,
            closed=self.closed,
        )
        self.services = Services(
            settings=settings,
            login=self.login,
            people=records.people,
            apps=records.apps,
            deploy=deploy,
            plans=Plans(
                settings=settings,
                apps=records.apps,
                deployments=records.deployments,
                variables=records.variables,
                quotas=records.quotas,
                engine=self.engine,
                deploy=deploy,
                draft=planner.draft,
            ),
            rollback=Rollback(
                apps=records.apps,
                deployments=records.deployments,
                variables=records.variables,
                registry=self.registry,
                numbers=deploy.numbers,
            ),
            scaling=Scaling(settings=settings, deployments=records.deployments, numbers=deploy.numbers),
            destroy=self.destroy,
            status=Status(
                settings=settings,
                apps=records.apps,
                deployments=records.deployments,
                events=records.events,
                engine=self.engine,
            ),
            build_logs=BuildLogs(deployments=records.deployments, logs=build_logs.BuildLogs(records.database)),
            logs=Logs(engine=self.engine, deployments=records.deployments, kept=KeptLogs(records.database)),
            attach=Attach(
                settings=settings,
                deployments=records.deployments,
                quotas=records.quotas,
                engine=self.engine,
                rollout=planner.rollout,
            ),
            variables=VariablesFlow(
                apps=records.apps, deployments=records.deployments, variables=records.variables, deploy=deploy
            ),
            engine=self.engine,
            trust=Trust(
                issuers=issuers,
                repositories=settings.identity.allowed_repositories,
                identity_tokens=outside.identity_tokens or Oidc({url: url for url in issuers}),
                login=self.login,
                people=records.people,
                apps=records.apps,
                rules=TrustRules(records.database),
            ),
            teams=ManageTeams(limits=settings.limits, teams=records.teams, invitations=records.invitations),
            tokens=ManageTokens(
                limits=settings.limits, people=records.people, apps=records.apps, tokens=records.tokens
            ),
            account=ManageAccount(
                accounts=records.accounts,
                teams=records.teams,
                tokens=records.tokens,
                apps=records.apps,
                destroy=self.destroy,
            ),
            audit=records.audit,
            uses=records.uses,
            # One client asks for all that a test is about, and faster than anybody types.
            rates=rates or Rates(replace(settings.limits, requests_per_token=0, requests_per_address=0)),
        )
        self.app = api_app(self.services)
        self._stack = AsyncExitStack()

    async def client(self, login: str | None = "ann") -> httpx.AsyncClient:
        """Give a client signed in as that person (made at the first time); None is nobody."""
        headers = {VERSION_HEADER: VERSION}
        if login is not None:
            user = await self.records.people.signed_in("local", login, login)
            headers["authorization"] = f"Bearer {(await self.login.session(user)).token}"
        return await self._stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://loco", headers=headers)
        )

    async def close(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def running(
    records: Records,
    folder: Path,
    bases: Sequence[BaseImage] = (),
    outside: Outside = NOBODY,
    rates: Rates | None = None,
    **changes: Any,
) -> AsyncIterator[Api]:
    found = Api(records, replace(Settings(data_dir=folder), **changes), bases, outside, rates)
    yield found
    await found.close()


def refused(answer: httpx.Response) -> LocoError:
    """Give the error that the answer carries; it must be one, in problem form."""
    assert answer.status_code >= 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return from_problem(answer.json(), status=answer.status_code)


async def create(
    client: httpx.AsyncClient, team: str = "ann", app: str = "shop", *, spec: dict[str, Any] | None = None, **more: Any
) -> httpx.Response:
    body = {"spec": Service.model_validate({"name": app, **(spec or {})}).model_dump(mode="json"), **more}
    return await client.post(f"/v1/teams/{team}/apps/{app}/deployments", json=body)


async def push(
    api_: Api, client: httpx.AsyncClient, made: api.DeploymentCreated, *, digest: str = DIGEST, **image: Any
) -> httpx.Response:
    """Put an image into the registry and tell the server of it, as the CLI does."""
    assert made.ticket is not None
    api_.registry.push(made.ticket.repository, digest, **image)
    item = made.deployment
    return await client.post(
        f"/v1/teams/{item.team}/apps/{item.app}/deployments/{item.number}/image", json={"digest": digest}
    )


async def created(
    client: httpx.AsyncClient, team: str = "ann", app: str = "shop", **more: Any
) -> api.DeploymentCreated:
    answer = await create(client, team, app, **more)
    assert answer.status_code == 201, answer.text
    return api.DeploymentCreated.model_validate(answer.json())


async def live(api_: Api, client: httpx.AsyncClient, team: str = "ann", app: str = "shop", **more: Any) -> int:
    """Take a deployment to live as the worker would; give its number."""
    made = await created(client, team, app, **more)
    answer = await push(api_, client, made)
    assert answer.status_code == 200, answer.text
    deployments = api_.records.deployments
    for item in await api_.records.claims.claim("worker"):
        await deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await api_.records.claims.promote(item, message="live")
    return made.deployment.number
