"""`loco logout`: end the session on the server and forget its token."""

from loco_cli.client import account
from loco_cli.context import Context, opened
from loco_cli.ui.results import LoggedOut
from loco_spec.errors import NotSignedIn, ServerUnreachable, UsageError


def command() -> None:
    """Sign out, and end the session on the server.

    Examples:
        loco logout
    """
    with opened() as context:
        context.ui.result(run(context))


def run(context: Context) -> LoggedOut:
    """Forget the token, also where the server cannot be told.

    Raises:
        UsageError: the token stands in LOCO_TOKEN, which is not ours to remove.
    """
    url = context.server.value
    token = context.credentials.find(url)
    if token is not None and token.source == "LOCO_TOKEN":
        raise UsageError("the token is in LOCO_TOKEN", hint="unset LOCO_TOKEN")
    if token is not None:
        try:
            account.logout(context.http)
        except NotSignedIn:
            pass  # it had ended already
        except ServerUnreachable as e:
            context.ui.note(f"the session goes on until it expires: {e.message}")
        context.credentials.forget(url)
    return LoggedOut(server=url)
