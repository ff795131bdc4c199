"""What a deployment would be made from, and what the server says to it before it is made."""

from pathlib import Path

from loco_cli.build.existing import Existing
from loco_cli.build.image import Folder
from loco_cli.build.image import Options as BuildOptions
from loco_cli.client import deployments
from loco_cli.context import Context, Target
from loco_spec import toml
from loco_spec.api import DeploymentCreate
from loco_spec.changes import Plan
from loco_spec.errors import ConfigError, UsageError, from_problem
from loco_spec.exits import Exit
from loco_spec.kinds.service import Service

Source = Folder | Existing


def read(context: Context, folder: Path, app: str | None) -> Service:
    """Read the folder's loco.toml, with its warnings told; `app`: another name for it.

    Raises:
        UsageError, ConfigError: there is no such folder, or loco.toml has faults.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="loco deploy FOLDER")
    found = toml.read(folder)
    for fault in found.warnings:
        context.ui.warn(fault)
    return named(found.app, app)


def named(spec: Service, app: str | None) -> Service:
    """Give the app under another name, where one is given.

    Raises:
        ConfigError: it can be no app's.
    """
    if app is None:
        return spec
    try:
        return Service.model_validate({**spec.model_dump(exclude_unset=True), "name": app})
    except ValueError as e:
        raise ConfigError(f'"{app}" cannot be the name of an app', hint="--app NAME: a-z, 0-9, -") from e


def source(context: Context, folder: Path, spec: Service, build: BuildOptions) -> Source:
    """Give where the image comes from: `image` in loco.toml, else the folder, read but not built."""
    if spec.image is not None:
        return Existing(spec.image, build)
    context.ui.working("reading the folder")
    return Folder(folder, spec.build, build)


def where(context: Context, target: Target) -> str:
    """Name an app among all servers: by it is remembered what was pushed."""
    return f"{context.server.value} {target.team}/{target.app}"


def request(
    context: Context, target: Target, spec: Service, source: Source, *, force: bool, known: bool = True
) -> DeploymentCreate:
    """Give what the server is asked for; `known`: false where nobody found out what an image's name means today."""
    return DeploymentCreate(
        spec=spec.model_copy(update={"team": None}),
        digest=source.pushed(where(context, target)) if known else None,
        force=force,
        context_bytes=None if isinstance(source, Existing) else source.size,
    )


def plan(context: Context, target: Target, asked: DeploymentCreate) -> Plan:
    """Ask the server what would change."""
    context.ui.working("asking the server")
    return deployments.plan(context.http, target.team, target.app, asked)


def code(found: Plan, *, exit_code: bool, deploying: bool) -> Exit:
    """Give what the process ends with; `deploying`: who asks wants to deploy it, and a refusal is a failure."""
    if deploying and found.refused:
        return from_problem(found.refused[0], status=500).exit_code
    return Exit.WOULD_CHANGE if exit_code and not found.unchanged else Exit.OK


def arguments(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    """Read `--build-arg KEY=VALUE`.

    Raises:
        UsageError: one has no value.
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--build-arg {name!r} has no value", hint="--build-arg KEY=VALUE")
        found[name] = value
    return found
