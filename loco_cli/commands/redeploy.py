"""`loco redeploy`: the live image and spec once more, in new containers."""

from pathlib import Path

from loco_cli.client import deployments
from loco_cli.context import Context, opened
from loco_cli.following import Follower
from loco_cli.options import App, Folder, Json, Team, WaitTimeout
from loco_cli.ui.results import Deployed


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    wait_timeout: WaitTimeout = "10m",
    json: Json = False,
) -> None:
    """Roll the live image again: new containers, nothing is built."""
    with opened(json=json) as context:
        context.ui.result(run(context, folder, app=app, team=team, wait_timeout=wait_timeout))


def run(context: Context, folder: Path, *, app: str | None, team: str | None, wait_timeout: str) -> Deployed:
    target = context.target(folder, app=app, team=team)
    follower = Follower(context, wait_timeout=wait_timeout)
    item = deployments.redeploy(context.http, target.team, target.app)
    return follower.follow(item)
