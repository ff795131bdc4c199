"""`loco deploy`: steps 1 to 7 of a deployment, as docs/architecture.md tells them."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.build import engine as engines
from loco_cli.build import gates, secret
from loco_cli.build.existing import Existing
from loco_cli.build.image import Folder as BuildFolder
from loco_cli.build.image import Options as BuildOptions
from loco_cli.build.push import push
from loco_cli.client import account, apps, deployments
from loco_cli.context import Context, Target, opened
from loco_cli.following import Follower
from loco_cli.options import App, Detach, Folder, Json, Team, WaitTimeout
from loco_cli.ui.results import Deployed, SentFile, SentFiles
from loco_cli.ui.text import safe
from loco_spec import toml
from loco_spec.api import Deployment, DeploymentCreate, DeploymentCreated, PushTicket
from loco_spec.errors import ConfigError, FieldFault, Interrupted, LocoError, NotAllowed, PushFailed, UsageError
from loco_spec.events import NEVER_SERVED
from loco_spec.kinds.service import Service

BuildArgs = Annotated[
    list[str] | None, typer.Option("--build-arg", help="A build argument; may be repeated.", metavar="KEY=VALUE")
]
BuildSecrets = Annotated[
    list[str] | None,
    typer.Option(
        "--build-secret",
        help="A secret that RUN --mount=type=secret reads, from a file or a variable; may be repeated.",
        metavar="id=NAME,src=FILE|env=VAR",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Roll out even where nothing changed.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build every step anew.")]
Pull = Annotated[bool, typer.Option("--pull", help="Look for newer base images.")]
ListFiles = Annotated[bool, typer.Option("--list-files", help="Only show what would be sent to the builder.")]
BuilderName = Annotated[str, typer.Option("--builder", help="auto, buildx, docker, engine, podman or classic.")]


@dataclass(frozen=True)
class Options:
    folder: Path
    app: str | None
    team: str | None
    build: BuildOptions
    detach: bool
    force: bool
    wait_timeout: str


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
    wait_timeout: WaitTimeout = "10m",
    json: Json = False,
) -> None:
    """Build the folder, push the image, roll it out, and follow it until it is live."""
    build = BuildOptions(
        args=_arguments(build_arg or ()),
        builder=builder,
        no_cache=no_cache,
        pull=pull,
        secrets=secret.parse(build_secret or ()),
    )
    with opened(json=json) as context:
        options = Options(folder, app, team, build, detach, force, wait_timeout)
        context.ui.result(_sent(options, context.ui.warn) if list_files else run(context, options))


def run(context: Context, options: Options) -> Deployed:
    """Deploy; give what is live in the end.

    Raises:
        LocoError: the step that failed says why.
    """
    ui = context.ui
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a CI job that is stopped cancels, as Ctrl-C does
    follower = Follower(context, wait_timeout=options.wait_timeout)
    spec = _spec(options, ui.warn)
    source = _source(context, options, spec)
    target = Target(team=context.team(options.team or spec.team), app=spec.name)
    engine = engines.connect()
    server = account.server(context.http)
    if isinstance(source, Existing):
        ui.working(f"asking for {source.reference}")
        source.resolve(engine, server.platform, ui.step)
    else:
        source.prepare(engine, ui.note)
    where = f"{context.server.value} {target.team}/{target.app}"
    size = None if isinstance(source, Existing) else source.size
    request = DeploymentCreate(
        spec=spec.model_copy(update={"team": None}),
        digest=source.pushed(where),
        force=options.force,
        context_bytes=size,
    )
    made = _create(context, target, request)
    if made.unchanged:
        return Deployed(deployment=made.deployment, unchanged=True, seconds=follower.seconds)
    item = made.deployment
    try:
        image = _made(context, made, source, engine)
        gates.check(engine, image, spec, server)
        item = _pushed(context, made, source, engine, image, where=where)
    except KeyboardInterrupt:
        raise _cancelled(context, made.deployment) from None
    except Exception:  # a defect, too, leaves no ticket behind
        _give_up(context, made.deployment)
        raise
    if item.number != made.deployment.number:
        return Deployed(deployment=item, unchanged=True, seconds=follower.seconds)
    if item.state in NEVER_SERVED:
        return follower.ended(item)
    if options.detach:
        return Deployed(deployment=item, unchanged=False, seconds=follower.seconds)
    return follower.follow(item)


def _source(context: Context, options: Options, spec: Service) -> BuildFolder | Existing:
    """Give where the image comes from: `image` in loco.toml, else the folder."""
    if spec.image is not None:
        return Existing(spec.image, options.build)
    context.ui.working("reading the folder")
    folder = BuildFolder(options.folder, spec.build, options.build)
    folder.check(context.ui.note)
    return folder


def _sent(options: Options, warn: Callable[[FieldFault], None]) -> SentFiles:
    """Tell what would be sent; neither a server nor an engine is asked."""
    found = BuildFolder(options.folder, _spec(options, warn).build, options.build).files
    files = [SentFile(path=safe(entry.path), kind=entry.kind, size=entry.size) for entry in found]
    return SentFiles(files=files, total=sum(entry.size for entry in found))


def _spec(options: Options, warn: Callable[[FieldFault], None]) -> Service:
    if not options.folder.is_dir():
        raise UsageError(f"{options.folder} is not a folder", hint="loco deploy FOLDER")
    found = toml.read(options.folder)
    for fault in found.warnings:
        warn(fault)
    spec = found.app
    if options.app is not None:
        try:
            return Service.model_validate({**spec.model_dump(exclude_unset=True), "name": options.app})
        except ValueError as e:
            raise ConfigError(f'"{options.app}" cannot be the name of an app', hint="--app NAME: a-z, 0-9, -") from e
    return spec


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
    engine.reach(ticket.registry, username=ticket.username, password=ticket.password)
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
) -> Deployment:
    """Push and hand over; from here on the deployment is the server's."""
    ui, started = context.ui, time.monotonic()
    ui.step("pushing")
    try:
        done = push(engine, image, _ticket(made), say=ui.step, working=ui.working)
    except PushFailed as e:
        raise _told_why(context, made.deployment, e) from e
    ui.step(f"pushed {done.summary} ({time.monotonic() - started:.1f} s)")
    source.remember_pushed(where, done.digest)
    return deployments.image(context.http, made.deployment, done.digest)


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


def _cancelled(context: Context, item: Deployment) -> Interrupted:
    _give_up(context, item)
    return Interrupted(f"v{item.number} cancelled; nothing was changed", hint="loco deploy")


def _give_up(context: Context, item: Deployment) -> None:
    """Tell the server that no image will come; what it says to that is of no interest any more."""
    try:
        deployments.cancel(context.http, item)
    except (LocoError, KeyboardInterrupt):
        return


def _arguments(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--build-arg {name!r} has no value", hint="--build-arg KEY=VALUE")
        found[name] = value
    return found
