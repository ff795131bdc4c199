"""`loco run`: a command in a container of its own, made as the live deployment's, and gone with the command."""

from typing import Annotated

import typer

from loco_cli.context import opened
from loco_cli.options import App, StdinPassed, TeamAlone, Terminal, Words
from loco_spec.errors import UsageError
from loco_spec.values import seconds

SETTINGS = {"allow_interspersed_args": False}
Timeout = Annotated[str, typer.Option("--timeout", help="Ended after so long; 24h at most.", metavar="DURATION")]


def command(
    words: Words = None,
    app: App = None,
    team: TeamAlone = None,
    timeout: Timeout = "1h",
    stdin: StdinPassed = None,
    tty: Terminal = None,
) -> None:
    """Run a command in a container of its own: the live image, variables and networks, and no traffic.

    Its streams, its terminal and its exit code are yours. The container goes when the command ends, or the connection.
    With --json errors are JSON; stdout is the command's own.

    Examples:
        loco run -- python manage.py createsuperuser
        loco run --timeout 6h -- ./import.sh < orders.csv
    """
    from loco_cli.attached import Streams, attach
    from loco_spec import paths
    from loco_spec.attaching import RunStart

    limit, streams = lasting(timeout), Streams("run", words, stdin=stdin, tty=tty)
    with opened() as context:
        code = attach(context, paths.RUN, streams, RunStart, app=app, team=team, seconds=limit)
    raise SystemExit(code)


def lasting(text: str) -> int:
    """Read how long it may run.

    Raises:
        UsageError: no duration, or too long a one.
    """
    from loco_spec.attaching import RUN_SECONDS_MOST

    try:
        found = round(seconds(text))
    except ValueError:
        found = 0
    if not 1 <= found <= RUN_SECONDS_MOST:
        most = f"{RUN_SECONDS_MOST // 3600}h"
        raise UsageError(f"--timeout {text!r} is no duration between 1s and {most}", hint=f"loco run --timeout {most}")
    return found
