"""`loco destroy`: an app, with everything that goes with it, once its name was typed."""

from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Team
from loco_spec.api import Destroyed

Confirm = Annotated[
    str | None, typer.Option("--confirm", help="The app's name, instead of being asked.", metavar="NAME")
]


def command(folder: Folder = Path(), app: App = None, team: Team = None, confirm: Confirm = None) -> None:
    """Remove an app: containers, routes, images, records. There is no way back.

    Examples:
        loco destroy
        loco destroy --confirm shop
        loco destroy --app shop --yes
    """
    with opened() as context:
        context.ui.result(run(context, folder, app=app, team=team, confirm=confirm))


def run(context: Context, folder: Path, *, app: str | None, team: str | None, confirm: str | None) -> Destroyed:
    """Destroy it and wait until it is gone.

    Raises:
        UsageError: the name was not confirmed.
    """
    target = context.target(folder, app=app, team=team)
    apps.status(context.http, target.team, target.app)  # it is there, and this person's, before anything is asked
    context.confirmed(
        target.app,
        confirm,
        what=f"destroying {target.app}",
        question=f"This removes {target.app} of team {target.team}",
        hint=f"loco destroy --confirm {target.app}",
        named=app is not None,
    )
    context.ui.working(f"destroying {target.app}")
    apps.destroy(context.http, target.team, target.app)
    return Destroyed(team=target.team, app=target.app)
