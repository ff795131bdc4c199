"""`loco scale`: more or fewer replicas of what is live; nothing else of it changes."""

from typing import Annotated

import typer

from loco_cli.client import again as client
from loco_cli.context import Context, opened
from loco_cli.following import Follower, Waiting
from loco_cli.options import App, CancelOnInterrupt, Detach, Named, Team, WaitTimeout
from loco_cli.ui.results import ScaleDone
from loco_spec import again
from loco_spec.errors import UsageError
from loco_spec.events import ENDED

SETTINGS = {"ignore_unknown_options": True}
"""For `-1`, which is no option."""

Count = Annotated[str | None, typer.Argument(help="3; or +1, -1.", metavar="[REPLICAS]", show_default=False)]
Min = Annotated[int | None, typer.Option("--min", help="At the least so many.", min=1, max=50, metavar="COUNT")]
Max = Annotated[int | None, typer.Option("--max", help="At the most so many.", min=1, max=50, metavar="COUNT")]
Cpu = Annotated[
    int | None, typer.Option("--cpu", help="Target utilisation, percent.", min=1, max=100, metavar="PERCENT")
]


def command(
    replicas: Count = None,
    least: Min = None,
    most: Max = None,
    cpu: Cpu = None,
    detach: Detach = False,
    wait_timeout: WaitTimeout = "10m",
    cancel_on_interrupt: CancelOnInterrupt = False,
    app: App = None,
    team: Team = None,
) -> None:
    """Run more or fewer replicas, until the next loco deploy brings what loco.toml says.

    Examples:
        loco scale 3
        loco scale +1 --app shop
        loco scale --min 2 --max 8 --cpu 70
    """
    named, waiting = Named(app=app, team=team), Waiting(wait_timeout, cancel=cancel_on_interrupt, detach=detach)
    with opened() as context:
        context.ui.result(run(context, asked(replicas, least, most, cpu), named, waiting))


def asked(replicas: str | None, least: int | None, most: int | None, cpu: int | None) -> again.ScaleChange:
    """Give what to ask the server for.

    Raises:
        UsageError: nothing, or two things at once.
    """
    ranged = {name: value for name, value in (("min", least), ("max", most), ("cpu", cpu)) if value is not None}
    if (replicas is None) == (not ranged):
        raise UsageError("expected a number of replicas, or --min, --max and --cpu", hint="loco scale 3")
    if replicas is None:
        return again.ScaleChange(**ranged)
    digits = replicas.lstrip("+-")
    if not (digits.isascii() and digits.isdigit()) or len(replicas) - len(digits) > 1 or int(digits[:3]) > 50:
        raise UsageError(f"{replicas!r} is no number of replicas from 1 to 50, nor +1 or -1", hint="loco scale 3")
    if digits != replicas:
        return again.ScaleChange(add=int(replicas))
    if int(digits) < 1:
        raise UsageError("an app keeps one replica at least", hint="loco scale 1, or loco destroy")
    return again.ScaleChange(replicas=int(digits))


def run(context: Context, request: again.ScaleChange, named: Named, waiting: Waiting) -> ScaleDone:
    target = context.target(named.folder, app=named.app, team=named.team)
    follower = Follower(context, waiting, named)
    done = follower.begun(
        lambda: client.scale(context.http, target.team, target.app, request), lambda made: made.deployment
    )
    for note in done.notes:
        context.ui.note(note)
    item = done.deployment
    if item.state not in ENDED:
        item = follower.follow(item).deployment
    return ScaleDone(scaled=done, deployment=item, seconds=follower.seconds)
