"""`loco logs`: an app's lines, the newest first asked for, then as they come."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from loco_cli.client import apps
from loco_cli.context import Context, opened
from loco_cli.options import App, Folder, Json, Team
from loco_cli.ui.text import safe
from loco_spec.errors import UsageError
from loco_spec.events import LogBatch
from loco_spec.values import seconds

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines as they come.")]
Lines = Annotated[
    int | None, typer.Option("--lines", "-n", help="So many of the newest lines.", min=0, show_default="100")
]
Since = Annotated[str | None, typer.Option("--since", help="From 30s, 5m, 2h, 1d ago, or a time (RFC 3339).")]

DEFAULT_LINES = 100
RECONNECT_SECONDS = 0.5


def command(
    folder: Folder = Path(),
    app: App = None,
    team: Team = None,
    follow: Follow = False,
    lines: Lines = None,
    since: Since = None,
    json: Json = False,
) -> None:
    """Show an app's log lines, all instances merged by time; -f follows them across deployments."""
    with opened(json=json) as context:
        run(context, folder, app=app, team=team, follow=follow, lines=lines, since=since)


def run(
    context: Context,
    folder: Path,
    *,
    app: str | None,
    team: str | None,
    follow: bool,
    lines: int | None,
    since: str | None,
) -> None:
    target = context.target(folder, app=app, team=team)
    if lines is None and since is None:
        lines = DEFAULT_LINES
    start = None if since is None else since_time(since, now=datetime.now(UTC)).isoformat()
    for batch in apps.logs(context.http, target.team, target.app, lines=lines, since=start, follow=follow):
        if batch is None:
            time.sleep(RECONNECT_SECONDS)
        else:
            _show(context, batch)


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
