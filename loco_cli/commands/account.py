"""`loco account`: what the server knows of you, your sessions, and the end of it."""

from typing import Annotated

import typer

from loco_cli.client import account
from loco_cli.context import Context, opened
from loco_cli.lazy import group as new_group
from loco_cli.ui.results import Revoked
from loco_spec.account import AccountDeleted, SessionsRevoked
from loco_spec.errors import UsageError

group = new_group("Show your account and sessions, end them, or delete it.")

Session = Annotated[str | None, typer.Argument(help="The session's id, from the list.", metavar="[SESSION]")]
AllOthers = Annotated[bool, typer.Option("--all-others", help="All but the one in use.")]
Confirm = Annotated[str | None, typer.Option("--confirm", help="Your login, instead of being asked.", metavar="LOGIN")]
WithApps = Annotated[bool, typer.Option("--with-apps", help="Destroy the apps of your personal team too.")]


@group.command("show")
def show() -> None:
    """Show what the server knows of you.

    Examples:
        loco account show
    """
    with opened() as context:
        context.ui.result(account.show(context.http))


@group.command("sessions")
def sessions() -> None:
    """List where you are signed in.

    Examples:
        loco account sessions
    """
    with opened() as context:
        context.ui.result(account.sessions(context.http))


@group.command("revoke")
def revoke(session: Session = None, all_others: AllOthers = False) -> None:
    """End a session, or all others.

    Examples:
        loco account revoke k3v5qmw2za
        loco account revoke --all-others
    """
    with opened() as context:
        context.ui.result(_revoke(context, session, all_others=all_others))


@group.command("delete")
def delete(confirm: Confirm = None, with_apps: WithApps = False) -> None:
    """Delete your account, with everything of its own. There is no way back.

    Examples:
        loco account delete
        loco account delete --confirm ann --with-apps
    """
    with opened() as context:
        context.ui.result(_delete(context, confirm, with_apps=with_apps))


def _revoke(context: Context, session: str | None, *, all_others: bool) -> Revoked | SessionsRevoked:
    if (session is None) != all_others:
        raise UsageError("name one session, or --all-others", hint="loco account sessions")
    if session is None:
        return account.revoke_other_sessions(context.http)
    account.revoke_session(context.http, session)
    return Revoked(kind="session", id=session)


def _delete(context: Context, confirm: str | None, *, with_apps: bool) -> AccountDeleted:
    login = account.me(context.http).user
    context.confirmed(
        login,
        confirm,
        what="deleting an account",
        question=f"This deletes {login}, its tokens, its personal team{' and the apps in it' if with_apps else ''}",
        hint=f"loco account delete --confirm {login}",
        named=False,
    )
    context.ui.working(f"deleting {login}")
    found = account.delete(context.http, login, with_apps=with_apps)
    context.credentials.forget(context.server.value)
    return found
