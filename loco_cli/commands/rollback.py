"""`loco rollback`: what served before, once more: image, configuration, versions of variables and routes together."""

from typing import Annotated

import typer

from loco_cli.client import again as client
from loco_cli.context import Context, opened
from loco_cli.following import Follower, Waiting
from loco_cli.options import App, CancelOnInterrupt, Detach, Named, Team, WaitTimeout, deployment_number
from loco_cli.ui import render_changes
from loco_cli.ui.results import RolledBack
from loco_spec import again
from loco_spec.errors import Interrupted

To = Annotated[
    str | None,
    typer.Argument(help="v12; default: the last other one that served.", metavar="[NUMBER]", show_default=False),
]
Release = Annotated[bool, typer.Option("--release", help="Run the release command of that deployment, too.")]


def command(
    number: To = None,
    release: Release = False,
    detach: Detach = False,
    wait_timeout: WaitTimeout = "10m",
    cancel_on_interrupt: CancelOnInterrupt = False,
    app: App = None,
    team: Team = None,
) -> None:
    """Roll out what served before, as a new deployment; loco rollback undoes it, too.

    Examples:
        loco rollback
        loco rollback v12 --yes
    """
    named, waiting = Named(app=app, team=team), Waiting(wait_timeout, cancel=cancel_on_interrupt, detach=detach)
    with opened() as context:
        wanted = None if number is None else deployment_number(number, "the number")
        context.ui.result(run(context, wanted, named, waiting, release=release))


def run(context: Context, number: int | None, named: Named, waiting: Waiting, *, release: bool) -> RolledBack:
    """Show what changes, ask where somebody can be asked, and follow it.

    Raises:
        Interrupted: the answer was no.
    """
    target = context.target(named.folder, app=named.app, team=named.team)
    follower = Follower(context, waiting, named)
    looked = client.look(context.http, target.team, target.app, number)
    if looked.unchanged and not release:
        return RolledBack(rollback=looked, seconds=follower.seconds)
    asks = context.ui.can_ask and not context.ui.yes
    if not context.ui.json:
        _shown(context, looked, release=release, needed=asks)
    if asks and context.ui.ask("Roll it out? [y]es or [n]o:").lower()[:1] != "y":
        raise Interrupted(f"nothing was changed; v{looked.live.number} serves on")
    request = again.RollbackStart(number=looked.to.number, release=release, live=looked.live.number)
    done = follower.begun(
        lambda: client.rollback(context.http, target.team, target.app, request), lambda made: made.deployment
    )
    if done.deployment is None:
        return RolledBack(rollback=done, seconds=follower.seconds)
    item, undo = follower.follow(done.deployment).deployment, f"loco rollback v{done.live.number}{named}"
    return RolledBack(rollback=done, deployment=item, undo=undo, seconds=follower.seconds)


def _shown(context: Context, looked: again.Rollback, *, release: bool, needed: bool) -> None:
    what = "runs" if release else "is not run; what it did to data stays (--release runs it)"
    runs = [f"the release command {what}"] if looked.has_release_command else []
    lines = [
        f"{looked.to.app}: v{looked.live.number} -> v{looked.to.number}, which {looked.to.created_by} made",
        *(f"  {line}" for line in (*looked.notes, *render_changes.lines(looked.changes), *runs)),
    ]
    for line in lines:
        context.ui.step(line, needed=needed)
