"""`loco exec`: a command in a running instance, as if it ran here."""

from loco_cli.context import opened
from loco_cli.options import App, InstanceOf, StdinPassed, TeamAlone, Terminal, Words

SETTINGS = {"allow_interspersed_args": False}


def command(
    words: Words = None,
    app: App = None,
    team: TeamAlone = None,
    instance: InstanceOf = None,
    stdin: StdinPassed = None,
    tty: Terminal = None,
) -> None:
    """Run a command in a running instance: its streams, its terminal and its exit code are yours.

    With a terminal and no command: a shell. The command ends when the connection does.

    With --json errors are JSON; stdout is the command's own.

    Examples:
        loco exec
        loco exec -- env
        loco exec --instance v12-1 -- tail -f /tmp/app.log
        loco exec -- sh -c 'cat > /tmp/dump.sql' < dump.sql
    """
    from loco_cli.attached import Streams, attach
    from loco_spec import paths
    from loco_spec.attaching import ExecStart

    streams = Streams("exec", words, stdin=stdin, tty=tty)
    with opened() as context:
        code = attach(context, paths.EXEC, streams, ExecStart, app=app, team=team, instance=instance)
    raise SystemExit(code)
