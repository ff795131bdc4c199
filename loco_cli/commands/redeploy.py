"""`loco redeploy`: the live image and spec once more, in new containers."""

from pathlib import Path

from loco_cli.client import deployments
from loco_cli.context import Context, opened
from loco_cli.following import Follower, Waiting
from loco_cli.options import App, CancelOnInterrupt, Detach, Folder, Named, Team, WaitTimeout
from loco_cli.ui.results import Deployed


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    detach: Detach = False,
    wait_timeout: WaitTimeout = "10m",
    cancel_on_interrupt: CancelOnInterrupt = False,
) -> None:
    """Roll the live image again: new containers, nothing is built.

    Examples:
        loco redeploy
        loco redeploy --app shop --detach
    """
    named, waiting = Named(folder, app, team), Waiting(wait_timeout, cancel=cancel_on_interrupt, detach=detach)
    with opened() as context:
        context.ui.result(run(context, named, waiting))


def run(context: Context, named: Named, waiting: Waiting) -> Deployed:
    target = context.target(named.folder, app=named.app, team=named.team)
    follower = Follower(context, waiting, named)
    item = follower.begun(lambda: deployments.redeploy(context.http, target.team, target.app), lambda made: made)
    return follower.follow(item)
