"""`loco logs`: an app's lines, the newest first asked for, then as they come."""

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from loco_cli import interrupts
from loco_cli.client import apps, deployments
from loco_cli.client.apps import Asked
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Team, deployment_number
from loco_cli.ui.text import safe
from loco_spec.errors import UsageError
from loco_spec.events import LogBatch, LogLine
from loco_spec.values import seconds

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines as they come.")]
Lines = Annotated[
    int | None,
    typer.Option("--lines", "-n", help="So many of the newest lines.", min=0, show_default="100", metavar="COUNT"),
]
Since = Annotated[
    str | None, typer.Option("--since", help="From 30s, 5m, 2h, 1d ago, or a time (RFC 3339).", metavar="TIME")
]
Until = Annotated[
    str | None, typer.Option("--until", help="Only what is older: a time, as for --since.", metavar="TIME")
]
Instance = Annotated[
    str | None,
    typer.Option("--instance", help="Only this one's lines: v12-1, running or ended.", metavar="NAME"),
]
Deployment = Annotated[
    str | None,
    typer.Option("--deployment", help="Only this one's lines: v12, live, ended or failed.", metavar="NUMBER"),
]
Previous = Annotated[
    bool,
    typer.Option("--previous", "-p", help="Only what is over: from before the last restart, and of ended instances."),
]
Grep = Annotated[
    str | None,
    typer.Option("--grep", help="Only lines in which this regular expression is found; -n counts those.", metavar="RE"),
]
BuildOption = Annotated[
    bool, typer.Option("--build", help="The log of a build: of --deployment, or the newest that is kept.")
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
    until: Until = None,
    instance: Instance = None,
    deployment: Deployment = None,
    previous: Previous = False,
    grep: Grep = None,
    build: BuildOption = False,
) -> None:
    """Show an app's log lines, all instances merged by time; -f follows them across deployments.

    Examples:
        loco logs -f
        loco logs --app shop --since 10m --grep error
        loco logs --deployment v12 --previous
        loco logs --build
    """
    if build and (follow or since is not None or until is not None):
        raise UsageError(
            "--build shows a log that is finished: without --follow, --since and --until", hint="loco logs --build"
        )
    if build and (instance is not None or previous):
        raise UsageError("--build is of no instance: without --instance and --previous", hint="loco logs --build")
    if previous and follow:
        raise UsageError("--previous shows what is over: without --follow", hint="loco logs --previous")
    if until is not None and follow:
        raise UsageError("--until shows what is over: without --follow", hint=f"loco logs --until {until}")
    pattern = None if grep is None else expression(grep)
    number = None if deployment is None else deployment_number(deployment, "--deployment")
    now = datetime.now(UTC)
    asked = Asked(
        follow=follow,
        lines=DEFAULT_LINES if lines is None and since is None else lines,
        since=None if since is None else moment("--since", since, now=now),
        until=None if until is None else moment("--until", until, now=now),
        instance=instance,
        deployment=number,
        previous=previous,
    )
    with opened() as context:
        if build:
            run_build(context, folder, app=app, team=team, lines=lines, deployment=number, pattern=pattern)
        else:
            with interrupts.quiet() if follow else nullcontext():
                run(context, folder, asked, app=app, team=team, pattern=pattern)


def run(
    context: Context, folder: Path, asked: Asked, *, app: str | None, team: str | None, pattern: re.Pattern[str] | None
) -> None:
    target = context.target(folder, app=app, team=team)

    def batches(asked: Asked, position: str | None = None) -> Iterator[LogBatch]:
        for batch in apps.logs(context.http, target.team, target.app, asked, position=position):
            if batch is None:
                time.sleep(RECONNECT_SECONDS)
                continue
            if batch.note:
                context.ui.note(f"-- {batch.note}")
            yield batch

    position = None
    if pattern is not None and asked.lines:
        # The newest that match are known when all was looked through; what comes then stands behind that.
        newest: deque[LogLine] = deque(maxlen=asked.lines)
        for batch in batches(replace(asked, follow=False, lines=None)):
            newest.extend(_matching(pattern, batch.lines))
            position = batch.position
        _show(context, newest)
        if not asked.follow:
            return
        asked = replace(asked, lines=None)
    for batch in batches(asked, position):
        _show(context, batch.lines if pattern is None else _matching(pattern, batch.lines))


def run_build(
    context: Context,
    folder: Path,
    *,
    app: str | None,
    team: str | None,
    lines: int | None,
    deployment: int | None,
    pattern: re.Pattern[str] | None,
) -> None:
    """Show what a build said: the newest one that is kept, or a deployment's."""
    target = context.target(folder, app=app, team=team)
    found = deployments.build_log(context.http, target.team, target.app, deployment)
    if lines is not None or pattern is not None:
        kept = [line for line in found.text.splitlines() if pattern is None or pattern.search(line)]
        kept = kept if lines is None else kept[-lines:] if lines else []
        found = found.model_copy(update={"text": "".join(f"{line}\n" for line in kept)})
    context.ui.result(found)


def expression(text: str) -> re.Pattern[str]:
    """Compile what --grep was given. It is looked for here and not by the server, whose time it could take.

    Raises:
        UsageError: it is no regular expression.
    """
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as e:
        raise UsageError(
            f"--grep {text!r} is not a regular expression: {e}", hint="put a backslash before what is meant literally"
        ) from e


def moment(option: str, text: str, *, now: datetime) -> datetime:
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
        raise UsageError(
            f"{option} {text!r} is neither 30s, 5m, 2h, 1d nor a time", hint=f"loco logs {option} 5m"
        ) from e
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _matching(pattern: re.Pattern[str], lines: Iterable[LogLine]) -> list[LogLine]:
    return [line for line in lines if pattern.search(line.text)]


def _show(context: Context, lines: Iterable[LogLine]) -> None:
    if context.ui.json:
        context.ui.records({name: getattr(line, name) for name in LogLine.__slots__} for line in lines)
    else:
        context.ui.lines(f"{safe(line.at[:19])}Z {safe(line.instance)} {safe(line.text)}" for line in lines)
