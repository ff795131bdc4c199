"""`loco tokens`: access tokens for machines."""

from typing import Annotated

import typer

from loco_cli.client import tokens
from loco_cli.context import Context, opened
from loco_cli.lazy import group as new_group
from loco_cli.options import Team
from loco_cli.ui.results import Revoked
from loco_spec import names
from loco_spec.errors import UsageError
from loco_spec.tokens import Can, TokenCreate, TokenCreated, lifetime_seconds

group = new_group("Make, list and revoke access tokens for machines.")

Name = Annotated[str, typer.Argument(help="What the machine is, for people.", metavar="NAME")]
Id = Annotated[str, typer.Argument(help="The token's id, from the list.", metavar="ID")]
App = Annotated[str | None, typer.Option("--app", "-a", help="For this app alone; default: all.", metavar="NAME")]
What = Annotated[Can, typer.Option("--can", help="What it may do at the most.", show_default=False)]
Expires = Annotated[str, typer.Option("--expires", help="When it ends: 90d, 12h, 30m.", metavar="TIME")]


@group.command("create")
def create(
    name: Name,
    can: What,
    app: App = None,
    expires: Expires = "90d",
    team: Team = None,
) -> None:
    """Make a token, which is shown this once; never more than you may yourself.

    Examples:
        loco tokens create ci --can deploy
        loco tokens create ci --can deploy --app shop --expires 30d
    """
    with opened() as context:
        context.ui.result(_create(context, name, can, app=app, expires=expires, team=team))


@group.command("list")
def list_(team: Team = None) -> None:
    """List a team's tokens: scope, maker, last use, end.

    Examples:
        loco tokens list --team acme
    """
    with opened() as context:
        context.ui.result(tokens.tokens(context.http, context.team(team)))


@group.command("revoke")
def revoke(token: Id, team: Team = None) -> None:
    """End a token at once.

    Examples:
        loco tokens revoke k3v5qmw2za
    """
    with opened() as context:
        tokens.revoke(context.http, context.team(team), token)
        context.ui.result(Revoked(kind="access token", id=token))


def _create(context: Context, name: str, can: Can, *, app: str | None, expires: str, team: str | None) -> TokenCreated:
    try:
        lifetime_seconds(expires)
    except ValueError as e:
        raise UsageError(f"--expires {expires}: {e}", hint="--expires 90d") from e
    if app is not None and not names.is_slug(app):
        raise UsageError(f'"{app}" is not the name of an app', hint="loco apps")
    if not 0 < len(name) <= 80 or not name.isprintable():
        raise UsageError("a token's name has 1 to 80 printable characters", hint="loco tokens create ci --can deploy")
    of = context.team(team)
    return tokens.create(context.http, of, TokenCreate(name=name, app=app, can=can, expires=expires))
