"""`loco status`: what runs of an app, and its newest deployment."""

from pathlib import Path

from loco_cli.client import apps
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Team
from loco_spec.api import AppStatus


def command(folder: Folder = Path(), app: App = None, team: Team = None) -> None:
    """Show what runs of an app, and its newest deployment."""
    with opened() as context:
        context.ui.result(run(context, folder, app=app, team=team))


def run(context: Context, folder: Path, *, app: str | None, team: str | None) -> AppStatus:
    target = context.target(folder, app=app, team=team)
    return apps.status(context.http, target.team, target.app)
