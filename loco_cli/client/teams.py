"""Teams, their members and invitations."""

from urllib.parse import quote

from loco_cli.client.http import Http
from loco_spec import paths
from loco_spec.teams import (
    InvitationCreate,
    InvitationCreated,
    Invitations,
    Join,
    Member,
    Members,
    RoleChange,
    RoleName,
    TeamCreate,
    Teams,
    TeamSummary,
)


def teams(http: Http) -> Teams:
    return http.get(paths.TEAMS, Teams)


def create(http: Http, name: str) -> TeamSummary:
    return http.post(paths.TEAMS, TeamSummary, TeamCreate(name=name))


def delete(http: Http, team: str) -> None:
    http.delete(paths.fill(paths.TEAM, team=team))


def members(http: Http, team: str) -> Members:
    return http.get(paths.fill(paths.MEMBERS, team=team), Members)


def change(http: Http, team: str, login: str, role: RoleName) -> Member:
    return http.patch(_member(team, login), Member, RoleChange(role=role))


def remove(http: Http, team: str, login: str) -> None:
    http.delete(_member(team, login))


def leave(http: Http, team: str) -> None:
    http.post_alone(paths.fill(paths.LEAVE, team=team))


def invite(http: Http, team: str, role: RoleName, note: str | None) -> InvitationCreated:
    return http.post(
        paths.fill(paths.INVITATIONS, team=team), InvitationCreated, InvitationCreate(role=role, note=note)
    )


def invitations(http: Http, team: str) -> Invitations:
    return http.get(paths.fill(paths.INVITATIONS, team=team), Invitations)


def revoke(http: Http, team: str, invitation: str) -> None:
    http.delete(paths.fill(paths.INVITATION, team=team, invitation=quote(invitation, safe="")))


def join(http: Http, code: str) -> TeamSummary:
    return http.post(paths.JOIN, TeamSummary, Join(code=code))


def _member(team: str, login: str) -> str:
    return paths.fill(paths.MEMBER, team=team, login=quote(login, safe=""))
