"""`loco teams`: make teams, invite people, give roles, join, leave."""

import sys
from typing import Annotated

import typer

from loco_cli.client import teams
from loco_cli.context import Context, opened
from loco_cli.lazy import group as new_group
from loco_cli.options import Team
from loco_cli.ui.results import Revoked, TeamChanged
from loco_spec import names
from loco_spec.errors import UsageError
from loco_spec.teams import InvitationCreated, Invitations, Members, RoleName, Teams

group = new_group("Make teams, invite people, give roles, join, leave.")

Name = Annotated[str, typer.Argument(help="The team.", metavar="TEAM")]
Login = Annotated[str, typer.Argument(help="The member, by login.", metavar="LOGIN")]
NewRole = Annotated[
    RoleName,
    typer.Argument(
        help="What they are from now on: owner, admin, developer, viewer.", metavar="ROLE", show_default=False
    ),
]
Role = Annotated[RoleName, typer.Option("--role", help="What the invited will be.", show_default=False)]
Note = Annotated[str | None, typer.Option("--note", help="For whom it is; the list shows it.", metavar="TEXT")]
Revoke = Annotated[str | None, typer.Option("--revoke", help="End this one instead.", metavar="ID")]
Code = Annotated[str, typer.Argument(help="The code of an invitation; - reads it from stdin.", metavar="CODE")]
Confirm = Annotated[
    str | None, typer.Option("--confirm", help="The team's name, instead of being asked.", metavar="TEAM")
]


@group.command("create")
def create(name: Name) -> None:
    """Make a team, and own it.

    Examples:
        loco teams create acme
    """
    with opened() as context:
        made = teams.create(context.http, _named(name))
        context.ui.result(TeamChanged(change="created", team=made.name, role=made.role))


@group.command("list")
def list_() -> None:
    """List your teams, and what you are in each.

    Examples:
        loco teams list
    """
    with opened() as context:
        context.ui.result(_teams(context))


@group.command("members")
def members(team: Team = None) -> None:
    """List who is in a team.

    Examples:
        loco teams members --team acme
    """
    with opened() as context:
        context.ui.result(_members(context, team))


@group.command("invite")
def invite(role: Role, note: Note = None, team: Team = None) -> None:
    """Make a code that lets one person into a team, within seven days.

    Examples:
        loco teams invite --role developer --team acme
        loco teams invite --role viewer --note "for Bob"
    """
    with opened() as context:
        context.ui.result(_invite(context, team, role, note))


@group.command("invitations")
def invitations(revoke: Revoke = None, team: Team = None) -> None:
    """List the open invitations into a team, or end one.

    Examples:
        loco teams invitations --team acme
        loco teams invitations --revoke k3v5qmw2za
    """
    with opened() as context:
        context.ui.result(_invitations(context, team, revoke))


@group.command("join")
def join(code: Code) -> None:
    """Get into a team by an invitation.

    Examples:
        loco teams join - < code.txt
    """
    with opened() as context:
        given = sys.stdin.readline().strip() if code == "-" else code
        joined = teams.join(context.http, given)
        context.ui.result(TeamChanged(change="joined", team=joined.name, role=joined.role))


@group.command("role")
def role(login: Login, to: NewRole, team: Team = None) -> None:
    """Give a member another role; nobody gives what they do not have.

    Examples:
        loco teams role bob admin --team acme
    """
    with opened() as context:
        of = context.team(team)
        found = teams.change(context.http, of, login, to)
        context.ui.result(TeamChanged(change="role", team=of, user=found.user, role=found.role))


@group.command("remove")
def remove(login: Login, team: Team = None) -> None:
    """Take somebody out of a team; their tokens for it end.

    Examples:
        loco teams remove bob --team acme
    """
    with opened() as context:
        of = context.team(team)
        teams.remove(context.http, of, login)
        context.ui.result(TeamChanged(change="removed", team=of, user=login))


@group.command("leave")
def leave(name: Name) -> None:
    """Leave a team; your tokens for it end.

    Examples:
        loco teams leave acme
    """
    with opened() as context:
        teams.leave(context.http, _named(name))
        context.ui.result(TeamChanged(change="left", team=name))


@group.command("delete")
def delete(name: Name, confirm: Confirm = None) -> None:
    """Delete a team that has no apps. There is no way back.

    Examples:
        loco teams delete acme
        loco teams delete acme --yes
    """
    with opened() as context:
        context.ui.result(_delete(context, _named(name), confirm))


def _teams(context: Context) -> Teams:
    return teams.teams(context.http)


def _members(context: Context, team: str | None) -> Members:
    return teams.members(context.http, context.team(team))


def _invite(context: Context, team: str | None, role: RoleName, note: str | None) -> InvitationCreated:
    if note is not None and len(note) > 200:
        raise UsageError("--note has 200 characters at the most")
    return teams.invite(context.http, context.team(team), role, note)


def _invitations(context: Context, team: str | None, revoke: str | None) -> Invitations | Revoked:
    of = context.team(team)
    if revoke is None:
        return teams.invitations(context.http, of)
    teams.revoke(context.http, of, revoke)
    return Revoked(kind="invitation", id=revoke)


def _delete(context: Context, name: str, confirm: str | None) -> TeamChanged:
    context.confirmed(
        name,
        confirm,
        what=f"deleting team {name}",
        question=f"This deletes team {name}",
        hint=f"loco teams delete {name} --yes",
        named=True,
    )
    teams.delete(context.http, name)
    return TeamChanged(change="deleted", team=name)


def _named(text: str) -> str:
    if not names.is_slug(text):
        raise UsageError(
            f'"{text}" is not the name of a team: a-z, 0-9 and inner dashes, a letter first, at most 40',
            hint=f"loco teams create {names.slugify(text, fallback='acme')}",
        )
    return text
