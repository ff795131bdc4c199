"""`loco logs`: an app's lines, the newest first asked for, then as they come."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps, deployments
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Json, Team, deployment_number
from loco_cli.ui.text import safe
from loco_spec.errors import UsageError
from loco_spec.events import LogBatch
from loco_spec.values import seconds

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines as they come.")]
Lines = Annotated[
    int | None, typer.Option("--lines", "-n", help="So many of the newest lines.", min=0, show_default="100")
]
Since = Annotated[str | None, typer.Option("--since", help="From 30s, 5m, 2h, 1d ago, or a time (RFC 3339).")]
Instance = Annotated[
    str | None,
    typer.Option("--instance", help="Only this one's lines: v12-1, running or ended.", metavar="NAME"),
]
Previous = Annotated[
    bool,
    typer.Option("--previous", "-p", help="Only what is over: from before the last restart, and of ended instances."),
]
BuildOption = Annotated[bool, typer.Option("--build", help="The log of a build instead of the app's.")]
Deployment = Annotated[
    str | None,
    typer.Option("--deployment", help="Whose build: v12; default: the newest that is kept.", metavar="NUMBER"),
]

DEFAULT_LINES = 100
RECONNECT_SECONDS = 0.5


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    follow: Follow = False,
    lines: Lines = None,
    since: Since = None,
    instance: Instance = None,
    previous: Previous = False,
    build: BuildOption = False,
    deployment: Deployment = None,
    json: Json = False,
) -> None:
    """Show an app's log lines, all instances merged by time; -f follows them across deployments."""
    if build and (follow or since is not None):
        raise UsageError("--build shows a log that is finished: without --follow and --since", hint="loco logs --build")
    if build and (instance is not None or previous):
        raise UsageError("--build is of no instance: without --instance and --previous", hint="loco logs --build")
    if previous and follow:
        raise UsageError("--previous shows what is over: without --follow", hint="loco logs --previous")
    if deployment is not None and not build:
        raise UsageError("--deployment goes with --build", hint=f"loco logs --build --deployment {deployment}")
    with opened(json=json) as context:
        if build:
            run_build(context, folder, app=app, team=team, lines=lines, deployment=deployment)
        else:
            run(
                context,
                folder,
                app=app,
                team=team,
                follow=follow,
                lines=lines,
                since=since,
                instance=instance,
                previous=previous,
            )


def run(
    context: Context,
    folder: Path,
    *,
    app: str | None,
    team: str | None,
    follow: bool,
    lines: int | None,
    since: str | None,
    instance: str | None,
    previous: bool,
) -> None:
    target = context.target(folder, app=app, team=team)
    if lines is None and since is None:
        lines = DEFAULT_LINES
    start = None if since is None else since_time(since, now=datetime.now(UTC)).isoformat()
    for batch in apps.logs(
        context.http,
        target.team,
        target.app,
        lines=lines,
        since=start,
        follow=follow,
        instance=instance,
        previous=previous,
    ):
        if batch is None:
            time.sleep(RECONNECT_SECONDS)
        else:
            _show(context, batch)


def run_build(
    context: Context, folder: Path, *, app: str | None, team: str | None, lines: int | None, deployment: str | None
) -> None:
    """Show what a build said: the newest one that is kept, or a deployment's."""
    number = None if deployment is None else deployment_number(deployment, "--deployment")
    target = context.target(folder, app=app, team=team)
    found = deployments.build_log(context.http, target.team, target.app, number)
    if lines is not None:
        kept = found.text.splitlines()[-lines:] if lines else []
        found = found.model_copy(update={"text": "".join(f"{line}\n" for line in kept)})
    context.ui.result(found)


def since_time(text: str, *, now: datetime) -> datetime:
    """Read `5m` as five minutes before now, anything else as a time of RFC 3339; without a zone it is UTC.

    Raises:
        UsageError: neither.
    """
    try:
        return now - timedelta(seconds=seconds(text))
    except (ValueError, OverflowError):  # OverflowError: before the year 1
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as e:
        raise UsageError(f"--since {text!r} is neither 30s, 5m, 2h, 1d nor a time", hint="loco logs --since 5m") from e
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _show(context: Context, batch: LogBatch) -> None:
    ui = context.ui
    if batch.note:
        ui.note(f"-- {batch.note}")
    for line in batch.lines:
        ui.line(line.model_dump_json() if ui.json else f"{safe(line.at[:19])}Z {safe(line.instance)} {safe(line.text)}")
