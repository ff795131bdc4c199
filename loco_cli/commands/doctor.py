"""`loco doctor`: whether all is there that a deploy needs; `loco doctor v12`: what is wrong with a deployment."""

import re
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import deployments
from loco_cli.context import Context, opened
from loco_cli.doctor import bundle, last
from loco_cli.doctor.looking import Looks
from loco_cli.options import App, Team
from loco_cli.ui.results import Bundled, Diagnosed
from loco_spec.errors import UsageError
from loco_spec.exits import Exit

Version = Annotated[
    str | None,
    typer.Argument(
        help="The deployment: v12. With --bundle: the file to write.",
        show_default="all that a deploy of this folder needs",
        metavar="[VERSION]",
    ),
]
Bundle = Annotated[
    bool,
    typer.Option("--bundle", help="Write what was found into a tar.gz without secrets, to be given to who helps."),
]
_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")


def command(version: Version = None, bundle: Bundle = False, app: App = None, team: Team = None) -> None:
    """Look at everything that a deploy of this folder needs; of a deployment, show what is wrong with it.

    Exit code 1 when something is wrong; a note, or what could not be looked at, changes nothing about that. With a
    deployment it tells why that one failed, and ends with 0.

    Examples:
        loco doctor
        loco doctor v12 --app shop
        loco doctor --bundle
    """
    with opened() as context:
        if bundle:
            context.ui.result(bundled(context, version, app=app, team=team))
        elif version is not None:
            context.ui.result(run(context, version, app=app, team=team))
        else:
            context.ui.working("looking")
            found = Looks(context, Path(), app=app, team=team).examined()
            context.ui.result(found)
            raise typer.Exit(Exit.FAILED if any(each.state == "wrong" for each in found.checks) else Exit.OK)


def run(context: Context, version: str, *, app: str | None, team: str | None) -> Diagnosed:
    """Give a deployment, and what is wrong with it.

    Raises:
        UsageError: that is no number of one.
        NotFound: there is none of that number.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise UsageError(f'"{version}" is not a deployment', hint="loco doctor v12; loco status tells the newest")
    target = context.target(Path(), app=app, team=team)
    item = deployments.find(context.http, target.team, target.app, int(match[1]))
    return Diagnosed(deployment=item, told=last.wrong(context.http, item))


def bundled(context: Context, file: str | None, *, app: str | None, team: str | None) -> Bundled:
    """Look at everything, and pack it.

    Raises:
        UsageError: the file is there already, or cannot be written.
    """
    looks = Looks(context, Path(), app=app, team=team)
    context.ui.working("looking")
    return bundle.write(context, looks, None if file is None else Path(file))
