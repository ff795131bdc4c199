"""`loco events`: who changed what in a team, and from where."""

import time
from typing import Annotated

import typer

from loco_cli import interrupts
from loco_cli.client import events
from loco_cli.context import Context, opened
from loco_cli.options import Team
from loco_cli.ui.render import human
from loco_spec import names
from loco_spec.audit import LIMIT, LIMIT_MOST
from loco_spec.errors import UsageError

App = Annotated[
    str | None, typer.Option("--app", "-a", help="Of this app alone, also when it is gone.", metavar="NAME")
]
Lines = Annotated[
    int, typer.Option("--lines", "-n", help="So many of the newest.", min=1, max=LIMIT_MOST, metavar="COUNT")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones as they come.")]

RECONNECT_SECONDS = 0.5


def command(
    app: App = None,
    team: Team = None,
    lines: Lines = LIMIT,
    follow: Follow = False,
) -> None:
    """Show who changed what in a team, when, and from where; the newest last. Times are UTC.

    Examples:
        loco events
        loco events --app shop --lines 20
        loco events --team acme --follow
    """
    with opened() as context:
        run(context, app=app, team=team, lines=lines, follow=follow)


def run(context: Context, *, app: str | None, team: str | None, lines: int, follow: bool) -> None:
    if app is not None and not names.is_slug(app):
        raise UsageError(f'"{app}" is not the name of an app', hint="loco apps")
    of, ui = context.team(team), context.ui
    if not follow:
        ui.result(events.events(context.http, of, app=app, lines=lines))
        return
    with interrupts.quiet():
        for event in events.follow(context.http, of, app=app, lines=lines):
            if event is None:
                time.sleep(RECONNECT_SECONDS)
            else:
                ui.records([event.model_dump(mode="json")]) if ui.json else ui.lines(human(event))
