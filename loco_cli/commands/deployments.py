"""`loco deployments`: what was tried, by whom and what became of it; and everything of one."""

from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps, deployments
from loco_cli.context import Context, Target, opened
from loco_cli.lazy import group as a_group
from loco_cli.options import App, Team, deployment_number
from loco_cli.ui.results import DeploymentHistory, ReleaseLog
from loco_spec.errors import NotFound, UsageError

group = a_group(
    """List an app's deployments, the newest first, and show all of one.

    Examples:
        loco deployments
        loco deployments --app shop --limit 50
        loco deployments show v12
    """
)

Count = Annotated[int, typer.Option("--limit", "-n", help="So many of the newest.", min=1, max=500, metavar="COUNT")]
Number = Annotated[str, typer.Argument(help="v12.", metavar="NUMBER")]
BuildLog = Annotated[bool, typer.Option("--build-log", help="What its build said.")]
ReleaseLogOption = Annotated[bool, typer.Option("--release-log", help="What its release command said.")]


@group.callback(invoke_without_command=True, no_args_is_help=False)
def command(
    asked: typer.Context,
    limit: Count = 20,
    app: App = None,
    team: Team = None,
) -> None:
    """List an app's deployments, the newest first."""
    if asked.invoked_subcommand is not None:
        if app is not None or team is not None:
            raise UsageError(
                "--app and --team stand behind what is to be done", hint="loco deployments show v12 --app NAME"
            )
    else:
        with opened() as context:
            target = context.target(Path(), app=app, team=team)
            context.ui.result(deployments.newest(context.http, target.team, target.app, limit))


@group.command()
def show(
    number: Number,
    build_log: BuildLog = False,
    release_log: ReleaseLogOption = False,
    app: App = None,
    team: Team = None,
) -> None:
    """Show all of one: what it stands on, each step with its seconds, and why it failed.

    Examples:
        loco deployments show v12
        loco deployments show v12 --release-log
    """
    if build_log and release_log:
        raise UsageError(
            "expected one of --build-log and --release-log", hint=f"loco deployments show {number} --build-log"
        )
    with opened() as context:
        wanted = deployment_number(number, "the number")
        target = context.target(Path(), app=app, team=team)
        if build_log:
            context.ui.result(deployments.build_log(context.http, target.team, target.app, wanted))
            return
        shown = deployments.shown(context.http, target.team, target.app, wanted)
        if release_log:
            context.ui.result(_release_log(context, target, wanted))
        else:
            context.ui.result(DeploymentHistory(deployment=shown, events=deployments.events(context.http, shown)))


def _release_log(context: Context, target: Target, number: int) -> ReleaseLog:
    """Give what the release command has said so far, or what is kept of it.

    Raises:
        NotFound: there was none, or it is not kept any more.
    """
    instance = f"v{number}-release"
    read = apps.logs(context.http, target.team, target.app, apps.Asked(instance=instance))
    try:
        batches = [batch for batch in read if batch is not None]
    except NotFound as e:
        raise NotFound(
            f"nothing of a release command is kept of v{number}: it ran none, or it is none of the last ten",
            hint=f"loco deployments show v{number}",
        ) from e
    return ReleaseLog(
        team=target.team,
        app=target.app,
        deployment=number,
        lines=tuple(line for batch in batches for line in batch.lines),
        notes=tuple(batch.note for batch in batches if batch.note),
    )
