"""`loco apps`: a team's apps."""

from loco_cli.client import apps
from loco_cli.context import Context, opened
from loco_cli.options import Team
from loco_spec.api import Apps


def command(team: Team = None) -> None:
    """List a team's apps.

    Examples:
        loco apps
        loco apps --team acme --json
    """
    with opened() as context:
        context.ui.result(run(context, team))


def run(context: Context, team: str | None) -> Apps:
    return apps.apps(context.http, context.team(team))
