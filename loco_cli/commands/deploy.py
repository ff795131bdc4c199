"""`loco deploy`: steps 1 to 7 of a deployment, as docs/architecture.md tells them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from loco_cli import interrupts, planning
from loco_cli.build import engine as engines
from loco_cli.build import failing, gates, secret
from loco_cli.build.existing import Existing
from loco_cli.build.image import Folder as BuildFolder
from loco_cli.build.image import Options as BuildOptions
from loco_cli.build.push import push, reach
from loco_cli.client import account, apps, deployments
from loco_cli.context import Context, Target, opened
from loco_cli.following import Follower, Waiting
from loco_cli.options import (
    App,
    BuildArgs,
    CancelOnInterrupt,
    Detach,
    ExitCode,
    Folder,
    Named,
    Team,
    WaitTimeout,
    deployment_number,
)
from loco_cli.ui.results import Deployed, SentFile, SentFiles
from loco_cli.ui.text import safe
from loco_spec.api import Deployment, DeploymentCreate, DeploymentCreated, PushTicket, Server
from loco_spec.changes import Plan
from loco_spec.errors import LocoError, NotAllowed, PushFailed, ServerUnreachable, UsageError
from loco_spec.events import NEVER_SERVED
from loco_spec.kinds.service import Service

BuildSecrets = Annotated[
    list[str] | None,
    typer.Option(
        "--build-secret",
        help="A secret that RUN --mount=type=secret reads, from a file or a variable; may be repeated.",
        metavar="id=NAME,src=FILE|env=VAR",
    ),
]
Attach = Annotated[
    str | None,
    typer.Option("--attach", help="Follow a deployment that there is, and build nothing: v12.", metavar="NUMBER"),
]
Force = Annotated[bool, typer.Option("--force", help="Roll out even where nothing changed.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build every step anew.")]
Pull = Annotated[bool, typer.Option("--pull", help="Look for newer base images.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show what would change, and what would be refused; build nothing.")
]
ListFiles = Annotated[bool, typer.Option("--list-files", help="Only show what would be sent to the builder.")]
BuilderName = Annotated[
    str, typer.Option("--builder", help="auto, buildx, docker, engine, podman or classic.", metavar="NAME")
]


@dataclass(frozen=True)
class Options:
    named: Named
    build: BuildOptions
    force: bool
    waiting: Waiting

    @property
    def folder(self) -> Path:
        return self.named.folder


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    detach: Detach = False,
    force: Force = False,
    build_arg: BuildArgs = None,
    build_secret: BuildSecrets = None,
    builder: BuilderName = "auto",
    no_cache: NoCache = False,
    pull: Pull = False,
    list_files: ListFiles = False,
    dry_run: DryRun = False,
    exit_code: ExitCode = False,
    attach: Attach = None,
    wait_timeout: WaitTimeout = "10m",
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Build the folder, push the image, roll it out, and follow it until it is live.

    Examples:
        loco deploy
        loco deploy services/shop --team acme --detach
        loco deploy --dry-run
        loco deploy --attach v12
    """
    if attach is not None and (detach or force or list_files or dry_run or build_arg or build_secret):
        raise UsageError("--attach follows what is there, and builds nothing", hint=f"loco deploy --attach {attach}")
    named, waiting = Named(folder, app, team), Waiting(wait_timeout, cancel=cancel_on_interrupt, detach=detach)
    build = BuildOptions(
        args=planning.arguments(build_arg or ()),
        builder=builder,
        no_cache=no_cache,
        pull=pull,
        secrets=secret.parse(build_secret or ()),
    )
    if exit_code and not dry_run:
        raise UsageError("--exit-code goes with --dry-run", hint="loco deploy --dry-run --exit-code")
    with opened() as context:
        options = Options(named, build, force, waiting)
        if attach is not None:
            context.ui.result(_attached(context, named, waiting, attach))
        elif list_files:
            context.ui.result(_sent(context, options))
        elif dry_run:
            found = planned(context, options)
            context.ui.result(found)
            raise typer.Exit(planning.code(found, exit_code=exit_code, deploying=True))
        else:
            context.ui.result(run(context, options))


def run(context: Context, options: Options) -> Deployed:
    """Deploy; give what is live in the end.

    Raises:
        LocoError: the step that failed says why.
    """
    ui = context.ui
    follower = Follower(context, options.waiting, options.named)
    spec, source, target = _read(context, options)
    # What was pushed as it is, is most likely live: whether it is, the server tells in less time than an engine takes.
    as_pushed = not options.force and isinstance(source, BuildFolder) and source.pushed(planning.where(context, target))
    server = cache(lambda: account.server(context.http))
    engine = None if as_pushed else _prepared(context, source, server)
    request = planning.request(context, target, spec, source, force=options.force)
    made = None
    try:
        with interrupts.held():
            made = _create(context, target, request)
        if made.unchanged:
            return Deployed(deployment=made.deployment, unchanged=True, seconds=follower.seconds)
        engine = engine or _prepared(context, source, server)
        image = _made(context, made, source, engine)
        gates.check(engine, image, spec, server())
        digest = _pushed(context, made, source, engine, image, where=planning.where(context, target))
        item = _handed_over(context, made.deployment, digest, options.named)
    except KeyboardInterrupt:
        if made is None or made.unchanged:
            raise
        ui.close()
        raise follower.cancelled(made.deployment) from None
    except ServerUnreachable:  # it may have taken the deployment over: that is not for us to end any more
        raise
    except Exception as e:  # a defect, too, leaves no ticket behind
        if made is not None:
            _give_up(context, made.deployment, e)
        raise
    if item.number != made.deployment.number:
        return Deployed(deployment=item, unchanged=True, seconds=follower.seconds)
    if item.state in NEVER_SERVED:
        return follower.ended(item)
    return follower.follow(item)


def _prepared(context: Context, source: planning.Source, server: Callable[[], Server]) -> engines.Engine:
    """Connect to the engine, and see that it can do what will be asked of it."""
    ui = context.ui
    if isinstance(source, BuildFolder):
        source.foresee()
    engine = engines.connect()
    if isinstance(source, Existing):
        ui.working(f"asking for {source.reference}")
        source.resolve(engine, server().platform, ui.step)
    else:
        source.prepare(engine, ui.note)
    return engine


def planned(context: Context, options: Options) -> Plan:
    """Do all that comes before a deployment is made, and hear what it would change.

    Raises:
        LocoError: the step that would fail says why.
    """
    spec, source, target = _read(context, options)
    if isinstance(source, Existing):
        source.resolve(engines.connect(), account.server(context.http).platform, context.ui.step)
    return planning.plan(context, target, planning.request(context, target, spec, source, force=options.force))


def _attached(context: Context, named: Named, waiting: Waiting, text: str) -> Deployed:
    """Follow a deployment, whoever made it and whatever became of it."""
    number = deployment_number(text, "--attach")
    follower = Follower(context, waiting, named)
    target = context.target(named.folder, app=named.app, team=named.team)
    done = follower.follow(deployments.find(context.http, target.team, target.app, number))
    found = done.deployment
    took = done.seconds if found.live_at is None else (found.live_at - found.created_at).total_seconds()
    return done.model_copy(update={"seconds": took})


def _read(context: Context, options: Options) -> tuple[Service, planning.Source, Target]:
    spec = planning.read(context, options.folder, options.named.app)
    source = planning.source(context, options.folder, spec, options.build)
    if isinstance(source, BuildFolder):
        source.check(context.ui.note)
    return spec, source, Target(team=context.team(options.named.team or spec.team), app=spec.name)


def _sent(context: Context, options: Options) -> SentFiles:
    """Tell what would be sent; neither a server nor an engine is asked."""
    build = planning.read(context, options.folder, options.named.app).build
    found = BuildFolder(options.folder, build, options.build).files
    files = [SentFile(path=safe(entry.path), kind=entry.kind, size=entry.size) for entry in found]
    return SentFiles(files=files, total=sum(entry.size for entry in found))


def _create(context: Context, target: Target, request: DeploymentCreate) -> DeploymentCreated:
    made = deployments.create(context.http, target.team, target.app, request)
    for note in made.notes:
        context.ui.note(note)
    if not made.unchanged:
        context.ui.step(f"v{made.deployment.number} of {target.app} (team {target.team})")
    return made


def _made(context: Context, made: DeploymentCreated, source: BuildFolder | Existing, engine: engines.Engine) -> str:
    """Build the image, or fetch it; give the engine's id of it."""
    ui, item, ticket = context.ui, made.deployment, _ticket(made)
    reach(engine, ticket, working=ui.working)
    started = time.monotonic()
    if isinstance(source, Existing):
        image = source.image(engine, working=ui.working)
    else:
        image = _built(context, item, source, engine)
    ui.step(f"image ready ({time.monotonic() - started:.1f} s)")
    return image


def _built(context: Context, item: Deployment, source: BuildFolder, engine: engines.Engine) -> str:
    """Build, and let the server keep what the build said, whatever came of it."""
    ui = context.ui
    try:
        image = source.image(engine, tag=f"loco/{item.team}/{item.app}:latest", say=ui.step, working=ui.working)
    except LocoError:
        _keep_log(context, item, source.log)
        raise
    _keep_log(context, item, source.log)
    return image


def _pushed(
    context: Context,
    made: DeploymentCreated,
    source: BuildFolder | Existing,
    engine: engines.Engine,
    image: str,
    *,
    where: str,
) -> str:
    """Push; give the digest."""
    ui, started = context.ui, time.monotonic()
    ui.step("pushing")
    try:
        done = push(engine, image, _ticket(made), say=ui.step, working=ui.working)
    except PushFailed as e:
        raise _told_why(context, made.deployment, e) from e
    ui.step(f"pushed {done.summary} ({time.monotonic() - started:.1f} s)")
    source.remember_pushed(where, done.digest)
    return done.digest


def _handed_over(context: Context, item: Deployment, digest: str, named: Named) -> Deployment:
    """Tell the server that the image is there; from here on the deployment is the server's."""
    try:
        return deployments.image(context.http, item, digest)
    except ServerUnreachable as e:
        hint = f"loco deploy --attach v{item.number}{named}"
        raise ServerUnreachable(f"{e.message}; it may have v{item.number} by now", hint=hint) from e


def _told_why(context: Context, item: Deployment, failed: PushFailed) -> LocoError:
    """The registry knows only that it takes nothing any more; the server knows why, where it ended the deployment."""
    try:
        found = deployments.get(context.http, item)
        suspended = apps.status(context.http, item.team, item.app).suspended
    except NotAllowed as e:
        return e
    except LocoError:
        return failed
    if suspended is not None:
        return NotAllowed(f"v{item.number} takes no image any more: {suspended}", hint="ask the operator")
    if found.state not in NEVER_SERVED or not found.reason:
        return failed
    return PushFailed(f"v{item.number} takes no image any more: {found.reason}", hint="loco status, then: loco deploy")


def _ticket(made: DeploymentCreated) -> PushTicket:
    if made.ticket is None:
        raise LocoError(f"the server gave no ticket for v{made.deployment.number}", hint="loco version")
    return made.ticket


def _keep_log(context: Context, item: Deployment, text: str) -> None:
    """Let the server keep the build's log; that it cannot is no reason to fail."""
    if not text:
        return
    try:
        deployments.keep_build_log(context.http, item, text)
    except LocoError as e:
        context.ui.note(f"the build log of v{item.number} is not kept: {e.message}")


def _give_up(context: Context, item: Deployment, error: Exception) -> None:
    """Tell the server that no image will come; what it says to that is of no interest any more."""
    why = failing.failure(error) if isinstance(error, LocoError) else None
    try:
        deployments.cancel(context.http, item, why)
    except (LocoError, KeyboardInterrupt):
        return
