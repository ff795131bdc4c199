"""The only file that loads seam members and joins the parts. What comes out is ready to be served."""

import platform
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loco_server import engines, identity, registries, scanners, sealing, seam
from loco_server.edge.base import Edge
from loco_server.engines.base import Engine
from loco_server.flows.account import ManageAccount
from loco_server.flows.attach import Attach
from loco_server.flows.build_logs import BuildLogs
from loco_server.flows.deploy import Deploy, Host
from loco_server.flows.destroy import Destroy
from loco_server.flows.login import Login
from loco_server.flows.logs import Logs
from loco_server.flows.plans import Plans
from loco_server.flows.quotas import ManageQuotas
from loco_server.flows.rollback import Rollback
from loco_server.flows.rotation import Rotation
from loco_server.flows.scale import Scaling
from loco_server.flows.status import Status
from loco_server.flows.suspend import Suspend
from loco_server.flows.teams import ManageTeams
from loco_server.flows.tickets import Tickets
from loco_server.flows.tokens import ManageTokens
from loco_server.flows.trust import Trust
from loco_server.flows.variables import VariablesFlow
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import PullTickets, deployment_key, pull_key
from loco_server.identity.base import IdentityProvider
from loco_server.identity.carried import Carrier
from loco_server.identity_settings import IdentitySettings
from loco_server.policy.base_images import BaseImage
from loco_server.records import build_logs
from loco_server.records.accounts import Accounts
from loco_server.records.apps import Apps
from loco_server.records.audit import Audit
from loco_server.records.claims import Claims
from loco_server.records.database import Database
from loco_server.records.deployments import Deployments
from loco_server.records.events import Events
from loco_server.records.facts import Facts
from loco_server.records.figures import FiguresOfRecords
from loco_server.records.images import Images
from loco_server.records.invitations import Invitations
from loco_server.records.kept_logs import KeptLogs
from loco_server.records.load import Load
from loco_server.records.people import People
from loco_server.records.quotas import Quotas
from loco_server.records.suspensions import Suspensions
from loco_server.records.teams import Teams
from loco_server.records.tokens import Tokens
from loco_server.records.trust import TrustRules
from loco_server.records.uses import Uses
from loco_server.records.variables import Variables
from loco_server.records.wake import Wake
from loco_server.registries.base import Registry
from loco_server.rollouts.housekeeping import Housekeeping
from loco_server.rollouts.lifecycle import Lifecycle
from loco_server.rollouts.plan import NOTICE, Planner
from loco_server.rollouts.worker import Worker
from loco_server.settings import Settings
from loco_server.telemetry.metrics import Metrics
from loco_server.telemetry.watched import watched
from loco_server.variable_keys import KeyFile

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Parts:
    """Everything the server is made of, joined."""

    database: Database
    people: People
    apps: Apps
    deployments: Deployments
    engine: Engine
    registry: Registry
    closed: ClosedDeployments
    login: Login
    trust: Trust
    deploy: Deploy
    plans: Plans
    rollback: Rollback
    scaling: Scaling
    destroy: Destroy
    status: Status
    build_logs: BuildLogs
    logs: Logs
    attach: Attach
    tickets: Tickets
    variables: VariablesFlow
    rotation: Rotation
    teams: ManageTeams
    tokens: ManageTokens
    quotas: ManageQuotas
    account: ManageAccount
    suspend: Suspend
    suspensions: Suspensions
    load: Load
    figures: FiguresOfRecords
    metrics: Metrics
    audit: Audit
    uses: Uses
    lifecycle: Lifecycle
    worker: Worker
    housekeeping: Housekeeping

    async def remember_closed(self) -> None:
        """Before the first answer: tokens of deployments that were closed while no server ran buy nothing."""
        self.closed.close_all([deployment_key(*each) for each in await self.deployments.not_open()])
        for app in await self.apps.all():
            if app.destroying or app.suspended is not None:
                self.closed.close(pull_key(app.id, app.pull_generation - 1))


async def wire(
    settings: Settings,
    *,
    database: Database,
    edge: Edge,
    user: str | None,
    server_key: bytes,
    collect_garbage: Callable[[], Awaitable[int]] | None,
    cut_pushes: Callable[[], Awaitable[None]],
    base_images: Sequence[BaseImage] = (),
    metrics: Metrics | None = None,
) -> Parts:
    """Join the parts.

    `user` is the local administrator's name; None: there is none, and nobody signs in by a file. `collect_garbage`
    gives the space of deleted images back; None: that is not for this server to do.

    Raises:
        LookupError: the settings name a member that a seam does not have.
    """
    wake, metrics = Wake(), metrics or Metrics()
    people, apps = People(database), Apps(database)
    deployments, events = Deployments(database, wake), Events(database, wake)
    facts, audit = Facts(database), Audit(database, wake)
    closed = ClosedDeployments(keep_seconds=settings.tokens.honoured)
    pull_tickets = PullTickets(server_key)
    engine: Engine = seam.load(engines.MEMBERS, settings.engine, seam="engine")(
        installation=await facts.installation(),
        edge=edge,
        keeper=KeptLogs(database),
        subnets=settings.subnets,
        data_dir=settings.data_dir,
        base_url=settings.engine_url,
        kubernetes=settings.kubernetes,
    )
    engine = watched(engine, "engine", metrics)
    registry: Registry = seam.load(registries.MEMBERS, settings.registry.member, seam="registry")(
        socket=settings.registry_socket,
        keys_dir=settings.keys_dir,
        url=settings.registry.url,
        prefix=settings.registry.prefix,
        username=settings.registry.username,
        password_file=settings.registry.password_file,
        ca_file=settings.registry.ca_file,
    )
    registry = watched(registry, "registry", metrics)
    scanner = seam.load(scanners.MEMBERS, settings.scanner, seam="scanner")()
    # Where there are several servers, one may be asked about a sign-in that another has begun.
    carrier = None if settings.cluster is None else Carrier(server_key)
    providers = _providers(settings.identity, carrier)
    if user is not None:
        providers = {"local": _identity("local")(settings.login_dir, user=user), **providers}
    issuers = settings.identity.issuers
    keyring = sealing.Keyring()  # empty until `rotation.unlock`: `stop` and `reset` need no keys
    variables = Variables(database, keyring, digest_key=sealing.digest_key(server_key))
    planner = Planner(
        settings=settings,
        apps=apps,
        deployments=deployments,
        variables=variables,
        pull_tickets=pull_tickets,
        host=engine.host,
    )
    deploy = Deploy(
        settings=settings,
        host=Host(platform=_platform(), free_bytes=lambda: shutil.disk_usage(settings.data_dir).free),
        apps=apps,
        deployments=deployments,
        quotas=Quotas(database),
        engine=engine,
        registry=registry,
        scanner=scanner,
        closed=closed,
        base_images=base_images,
    )
    destroy = Destroy(apps=apps, deployments=deployments, facts=facts, engine=engine, registry=registry, closed=closed)
    teams, tokens = Teams(database), Tokens(database)
    manage_teams = ManageTeams(limits=settings.limits, teams=teams, invitations=Invitations(database))
    login = Login(
        people,
        providers,
        sign_up=settings.identity.sign_up,
        invitations=manage_teams,
    )
    suspensions = Suspensions(database)
    claims = Claims(database, wake)
    worker = Worker(
        engine=engine,
        deployments=deployments,
        claims=claims,
        planner=planner,
        shared=settings.cluster is not None,
        metrics=metrics,
    )
    uses = Uses(database)
    lifecycle = Lifecycle(
        settings=settings.lifecycle,
        uses=uses,
        apps=apps,
        audit=audit,
        requests=edge.requests,
        settle=worker.reconcile,
        destroy=destroy.run,
    )
    return Parts(
        database=database,
        people=people,
        apps=apps,
        deployments=deployments,
        engine=engine,
        registry=registry,
        closed=closed,
        login=login,
        trust=Trust(
            issuers=issuers,
            repositories=settings.identity.allowed_repositories,
            identity_tokens=_identity("oidc")({url: url for url in issuers}),
            login=login,
            people=people,
            apps=apps,
            rules=TrustRules(database),
        ),
        deploy=deploy,
        plans=Plans(
            settings=settings,
            apps=apps,
            deployments=deployments,
            variables=variables,
            quotas=Quotas(database),
            engine=engine,
            deploy=deploy,
            draft=planner.draft,
        ),
        rollback=Rollback(
            apps=apps, deployments=deployments, variables=variables, registry=registry, numbers=deploy.numbers
        ),
        scaling=Scaling(settings=settings, deployments=deployments, numbers=deploy.numbers),
        destroy=destroy,
        status=Status(settings=settings, apps=apps, deployments=deployments, events=events, engine=engine),
        build_logs=BuildLogs(deployments=deployments, logs=build_logs.BuildLogs(database)),
        logs=Logs(engine=engine, deployments=deployments, kept=KeptLogs(database)),
        attach=Attach(
            settings=settings,
            deployments=deployments,
            quotas=Quotas(database),
            engine=engine,
            rollout=planner.rollout,
        ),
        tickets=Tickets(
            people=people,
            apps=apps,
            deployments=deployments,
            pull_tickets=pull_tickets,
            ticket_seconds=settings.limits.ticket_seconds,
        ),
        variables=VariablesFlow(apps=apps, deployments=deployments, variables=variables, deploy=deploy),
        rotation=Rotation(variables=variables, keyring=keyring, key_file=KeyFile(settings)),
        teams=manage_teams,
        tokens=ManageTokens(limits=settings.limits, people=people, apps=apps, tokens=tokens),
        quotas=ManageQuotas(limits=settings.limits, quotas=Quotas(database)),
        account=ManageAccount(accounts=Accounts(database), teams=teams, tokens=tokens, apps=apps, destroy=destroy),
        suspend=Suspend(
            apps=apps,
            deployments=deployments,
            suspensions=suspensions,
            engine=engine,
            closed=closed,
            notice=NOTICE,
            cut_pushes=cut_pushes,
            settle=worker.reconcile,
        ),
        audit=audit,
        uses=uses,
        lifecycle=lifecycle,
        suspensions=suspensions,
        load=Load(database),
        figures=FiguresOfRecords(database),
        metrics=metrics,
        worker=worker,
        housekeeping=Housekeeping(
            people=people,
            audit=audit,
            apps=apps,
            deployments=deployments,
            images=Images(database),
            claims=claims,
            facts=facts,
            engine=engine,
            registry=registry,
            closed=closed,
            collect_garbage=collect_garbage,
            lifecycle=lifecycle,
        ),
    )


def _identity(name: str) -> Any:
    return seam.load(identity.MEMBERS, name, seam="identity provider")


def _providers(settings: IdentitySettings, carrier: Carrier | None = None) -> dict[str, IdentityProvider]:
    """Those that the operator has configured."""
    found: dict[str, IdentityProvider] = {}
    if settings.github is not None:
        organizations = settings.sign_up.mode == "organization"
        found["github"] = _identity("github")(settings.github, organizations=organizations, carrier=carrier)
    if settings.google is not None:
        url = settings.google.issuer
        # Google's tokens name their issuer with and without the scheme.
        tokens = _identity("oidc")({url: url, url.removeprefix("https://"): url})
        found["google"] = _identity("google")(settings.google, tokens=tokens, carrier=carrier)
    return found


def _platform() -> str:
    """What this machine's containers are: `linux/amd64`, also where the engine runs in a virtual machine of its own."""
    machine = platform.machine().lower()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"
