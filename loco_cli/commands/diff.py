"""`loco diff`: what loco.toml, and the folder, would change of what is live."""

from pathlib import Path

import typer

from loco_cli import planning
from loco_cli.build import engine as engines
from loco_cli.build.existing import Existing
from loco_cli.build.image import Options as BuildOptions
from loco_cli.client import account
from loco_cli.context import Context, Target, opened
from loco_cli.options import App, BuildArgs, ExitCode, Folder, Team
from loco_spec.changes import Plan
from loco_spec.errors import LocoError


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    build_arg: BuildArgs = None,
    exit_code: ExitCode = False,
) -> None:
    """Show what a deployment of the folder would change of what is live, field by field. Nothing is built or done.

    Examples:
        loco diff
        loco diff --exit-code
    """
    build = BuildOptions(args=planning.arguments(build_arg or ()))
    with opened() as context:
        found = run(context, folder, app=app, team=team, build=build)
        context.ui.result(found)
        raise typer.Exit(planning.code(found, exit_code=exit_code, deploying=False))


def run(context: Context, folder: Path, *, app: str | None, team: str | None, build: BuildOptions) -> Plan:
    """Compare; the image is known where the folder is as it was when it was pushed last.

    Raises:
        LocoError: loco.toml has faults, or the server gives no plan.
    """
    spec = planning.read(context, folder, app)
    source = planning.source(context, folder, spec, build)
    target = Target(team=context.team(team or spec.team), app=spec.name)
    known = not isinstance(source, Existing) or _resolved(context, source)
    return planning.plan(context, target, planning.request(context, target, spec, source, force=False, known=known))


def _resolved(context: Context, source: Existing) -> bool:
    """Find out what the image's name means today, where there is an engine that can."""
    try:
        source.resolve(engines.connect(), account.server(context.http).platform, lambda _: None)
    except LocoError as e:
        context.ui.note(f"what {source.reference} is today is not known: {e.message}")
        return False
    return True
