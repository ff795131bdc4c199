"""`loco open`: the app in the browser."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Team
from loco_cli.ui.results import Opened
from loco_spec.errors import NotFound

Print = Annotated[bool, typer.Option("--print", help="Print the URL, open nothing.")]


def command(folder: Folder = Path(), app: App = None, team: Team = None, only_print: Print = False) -> None:
    """Open an app in the browser.

    Examples:
        loco open
        loco open --app shop --print
    """
    with opened() as context:
        found = run(context, folder, app=app, team=team)
        if not (only_print or context.ui.json) and not webbrowser.open(found.url):
            context.ui.note("there is no browser here; the address is")
        context.ui.result(found)


def run(context: Context, folder: Path, *, app: str | None, team: str | None) -> Opened:
    """Give the address.

    Raises:
        NotFound: nothing is live, or it has no route.
    """
    target = context.target(folder, app=app, team=team)
    found = apps.status(context.http, target.team, target.app)
    if not found.urls:
        raise NotFound(f"{target.app} has no address: nothing of it is live", hint="loco deploy")
    return Opened(url=found.urls[0])
