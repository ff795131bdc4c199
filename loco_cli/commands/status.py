"""`loco status`: what runs of an app, and its newest deployment; once, or as it changes."""

import time
from pathlib import Path
from typing import Annotated

import typer

from loco_cli import interrupts
from loco_cli.client import apps, deployments
from loco_cli.context import Context, Target, opened
from loco_cli.options import App, Folder, Team
from loco_spec.api import AppStatus

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C: show it anew when it changes.")]

LOOK_SECONDS = 2.0


def command(folder: Folder = Path(), app: App = None, team: Team = None, watch: Watch = False) -> None:
    """Show what runs of an app, and its newest deployment.

    Examples:
        loco status
        loco status --app shop --watch
        loco status --json
    """
    with opened() as context:
        target = context.target(folder, app=app, team=team)
        if watch:
            with interrupts.quiet():
                run_watch(context, target)
        else:
            context.ui.result(run(context, target))


def run(context: Context, target: Target) -> AppStatus:
    return apps.status(context.http, target.team, target.app)


def run_watch(context: Context, target: Target) -> None:
    """Show it, and show it again, for ever; a server that goes away meanwhile is waited for.

    Raises:
        LocoError: the first answer, or the server's of two minutes, is none.
    """
    last, away = None, deployments.Away()
    while True:
        try:
            found = run(context, target)
            away.over()
            context.ui.redrawn(found, changed=found != last)
            last = found
        except deployments.NO_ANSWER as e:
            if last is None:
                raise
            if away.bear(e):
                context.ui.note(f"{e.message}; asking again")
        time.sleep(LOOK_SECONDS)
