"""`loco whoami`: who is signed in, where, and in which teams."""

from loco_cli.client import account
from loco_cli.context import Context, opened
from loco_spec.api import Me


def command() -> None:
    """Show who is signed in, where, and in which teams.

    Examples:
        loco whoami
        loco whoami --json
    """
    with opened() as context:
        context.ui.result(run(context), server=context.server.value)


def run(context: Context) -> Me:
    return account.me(context.http)
