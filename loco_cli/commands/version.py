"""`loco version`: this loco's, and the server's."""

from loco_cli.client import account
from loco_cli.context import Context, opened
from loco_cli.ui.results import Versions
from loco_spec.errors import LocoError
from loco_spec.version import VERSION


def command() -> None:
    """Show the versions of this loco and of the server.

    Examples:
        loco version
        loco version --json
    """
    with opened() as context:
        context.ui.result(run(context))


def run(context: Context) -> Versions:
    try:
        found = account.server(context.http).version
    except LocoError:
        found = None
    return Versions(client=VERSION, server=found, url=context.server.value)
