"""`loco-server admin`: what an operator does to a server that runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from loco_server.admin import secrets, show, wire
from loco_server.admin.client import ROTATION_SECONDS, Socket
from loco_server.settings import Settings, default_data_dir
from loco_spec import teams
from loco_spec.audit import AuditEvents
from loco_spec.errors import UsageError

NOTE_MAX = 200

group = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Look after the running server: suspend, resume, overview, users, quota, lifecycle, events, invite, "
    "rotate-keys; keys, check, backup, restore.",
)

Subject = Annotated[Literal["team", "user", "app"], typer.Argument(help="team, user or app.", metavar="KIND")]
Name = Annotated[str, typer.Argument(help="The team's name, the user's login, or TEAM/APP.", metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", help="Why; the owner reads it.", metavar="TEXT")]
By = Annotated[
    Literal["cpu", "memory", "deployments", "failures"], typer.Option("--by", help="The order of the teams.")
]
Count = Annotated[int, typer.Option("--lines", "-n", help="So many teams.", min=1)]
Note = Annotated[str | None, typer.Option("--note", help="For whom it is; the list shows it.", metavar="TEXT")]
Revoke = Annotated[str | None, typer.Option("--revoke", help="End this one instead.", metavar="ID")]
Team = Annotated[str, typer.Argument(help="The team's name.", metavar="TEAM")]
OfTeam = Annotated[str | None, typer.Option("--team", help="Of this team alone.", metavar="NAME")]
Changes = Annotated[
    list[str] | None, typer.Argument(help="cpu=4 memory=8Gi apps=default", metavar="NAME=VALUE...", show_default=False)
]
Events = Annotated[int, typer.Option("--lines", "-n", help="So many.", min=1, max=1000)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Of the server that is meant.", show_default=False, metavar="DIR")
]


@group.callback()
def admin(context: typer.Context, data_dir: DataDir = None) -> None:
    """Speak with the running server over its socket, which is for its own user alone."""
    folder = (data_dir or default_data_dir()).expanduser().absolute()
    context.obj = Socket(folder, Settings(data_dir=folder).admin_socket)


@group.command()
def suspend(context: typer.Context, kind: Subject, name: Name, reason: Reason, json: Json = False) -> None:
    """Stop a team, a user or an app within seconds: containers, routes, tokens, pushes."""
    asked = wire.SuspendRequest(kind=kind, name=name, reason=reason)
    _result(_socket(context).post("/suspend", wire.Suspended, asked), as_json=json)


@group.command()
def resume(context: typer.Context, kind: Subject, name: Name, json: Json = False) -> None:
    """Let a suspended team, user or app go on; what was live starts again."""
    asked = wire.ResumeRequest(kind=kind, name=name)
    _result(_socket(context).post("/resume", wire.Resumed, asked), as_json=json)


@group.command()
def overview(context: typer.Context, by: By = "cpu", lines: Count = 10, json: Json = False) -> None:
    """Show the busiest teams by processor, memory, deployments or failures, and what is suspended."""
    found = _socket(context).get("/overview", wire.Overview)
    ordered = found.model_copy(update={"teams": show.ordered(found.teams, by)[:lines]})
    _result(ordered, as_json=json)


@group.command("keys")
def make_keys(
    directory: Annotated[Path, typer.Option("--directory", help="A new folder.", metavar="DIR")],
) -> None:
    """Make the keys of a cluster's servers, for the Secrets loco-keys and loco-secret-keys. No server is asked."""
    for line in secrets.make(directory.expanduser().absolute()):
        typer.echo(line)


@group.command("rotate-keys")
def rotate_keys(context: typer.Context, json: Json = False) -> None:
    """Seal every variable with a new key, while everything runs."""
    _result(_socket(context).post("/rotate-keys", wire.Rotated, seconds=ROTATION_SECONDS), as_json=json)


@group.command()
def invite(context: typer.Context, note: Note = None, json: Json = False) -> None:
    """Make a code that lets one person sign up, within seven days."""
    if note is not None and len(note) > NOTE_MAX:
        raise UsageError(f"--note has {NOTE_MAX} characters at the most")
    asked = wire.InviteRequest(note=note)
    _result(_socket(context).post("/invitations", teams.InvitationCreated, asked), as_json=json)


@group.command()
def invitations(context: typer.Context, revoke: Revoke = None, json: Json = False) -> None:
    """List the operator's open invitations, or end one."""
    socket = _socket(context)
    if revoke is not None:
        socket.delete(f"/invitations/{revoke}")
    _result(socket.get("/invitations", teams.Invitations), as_json=json)


@group.command()
def quota(context: typer.Context, team: Team, changes: Changes = None, json: Json = False) -> None:
    """Show what a team has and may have; NAME=VALUE gives it another quota, NAME=default takes that back."""
    asked = wire.QuotaRequest(team=team, changes=tuple(changes or ()))
    _result(_socket(context).post("/quotas", wire.Quotas, asked), as_json=json)


@group.command()
def users(context: typer.Context, json: Json = False) -> None:
    """List everybody who has an account, with what they sign in by."""
    _result(_socket(context).get("/users", wire.Users), as_json=json)


@group.command()
def lifecycle(context: typer.Context, json: Json = False) -> None:
    """Show which unused apps are warned about, stopped and deleted, when and why."""
    _result(_socket(context).get("/lifecycle", wire.Lifecycle), as_json=json)


@group.command()
def events(context: typer.Context, team: OfTeam = None, lines: Events = 100, json: Json = False) -> None:
    """Show the newest events of the audit trail, of all teams and of none."""
    query = {"limit": str(lines)} if team is None else {"limit": str(lines), "team": team}
    _result(_socket(context).get("/events", AuditEvents, **query), as_json=json)


def _socket(context: typer.Context) -> Socket:
    found: Socket = context.obj
    return found


def _result(value: BaseModel, *, as_json: bool) -> None:
    for line in [value.model_dump_json()] if as_json else show.lines(value):
        typer.echo(line)
