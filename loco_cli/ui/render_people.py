"""Accounts, teams and tokens as people read them."""

from loco_cli.ui.render import human
from loco_cli.ui.results import Revoked, TeamChanged
from loco_cli.ui.text import ago, safe, until
from loco_spec import account, teams, tokens


@human.register
def _(value: account.Account) -> list[str]:
    email = f" <{safe(value.email)}>" if value.email else ""
    found = [f"{safe(value.user)}{email}, since {value.created_at:%Y-%m-%d}"]
    found += [f"  signs in by {safe(each.provider)} ({safe(each.subject)})" for each in value.identities]
    return [*found, *(f"  {line}" for line in _teams(value.teams))]


@human.register
def _(value: account.Sessions) -> list[str]:
    return [
        line
        for item in value.sessions
        for line in (
            f"{safe(item.id)}  {'in use here' if item.current else _used(item)}",
            f"{'':>{len(item.id)}}  opened {ago(item.created_at)}, {until(item.expires_at)}",
        )
    ]


@human.register
def _(value: account.SessionsRevoked) -> list[str]:
    return [f"{value.revoked} other session{'s' if value.revoked != 1 else ''} ended"]


@human.register
def _(value: account.AccountDeleted) -> list[str]:
    return [f"the account {safe(value.user)} is gone, with everything of its own"]


@human.register
def _(value: teams.Teams) -> list[str]:
    return _teams(value.teams)


@human.register
def _(value: teams.Members) -> list[str]:
    width = max((len(item.user) for item in value.members), default=0)
    return [
        f"{safe(item.user):<{width}}  {safe(item.role)}{_personal(personal=item.personal)}{_suspended(item.suspended)}"
        for item in value.members
    ]


@human.register
def _(value: teams.InvitationCreated) -> list[str]:
    item = value.invitation
    return [
        f"an invitation into team {safe(item.team or '')} as {safe(item.role or '')}, {until(item.expires_at)}",
        "it is for one person, and shown this once:",
        f"  {safe(value.code)}",
        "who is invited types: loco teams join CODE",
    ]


@human.register
def _(value: teams.Invitations) -> list[str]:
    if not value.invitations:
        return ["no open invitations; a new one: loco teams invite --role developer"]
    return [
        f"{safe(item.id)}  {safe(item.role or ''):<9}  by {safe(item.invited_by or 'the operator')}"
        f", {until(item.expires_at)}{f'  {safe(item.note)}' if item.note else ''}"
        for item in value.invitations
    ]


@human.register
def _(value: tokens.TokenCreated) -> list[str]:
    item = value.access
    return [f"access token {_scope(item)}, {until(item.expires_at)}", "it is shown this once:", safe(value.token)]


@human.register
def _(value: tokens.AccessTokens) -> list[str]:
    if not value.tokens:
        return ["no access tokens; a new one: loco tokens create NAME --can deploy"]
    return [
        line
        for item in value.tokens
        for line in (
            f"{safe(item.id)}  {_scope(item)}, {until(item.expires_at)}",
            f"{'':>{len(item.id)}}  made by {safe(item.made_by)}, {_used(item)}",
        )
    ]


@human.register
def _(value: TeamChanged) -> list[str]:
    team, user, role = safe(value.team), safe(value.user or ""), safe(value.role or "")
    said = {
        "created": f"team {team} is made, and you own it\nnext: loco teams invite --role developer --team {team}",
        "joined": f"you are in team {team}, as {role}",
        "role": f"{user} is {role} of team {team}",
        "removed": f"{user} is out of team {team}, and their tokens for it have ended",
        "left": f"you have left team {team}, and your tokens for it have ended",
        "deleted": f"team {team} is gone",
    }
    return said[value.change].splitlines()


@human.register
def _(value: Revoked) -> list[str]:
    return [f"{value.kind} {safe(value.id)} is revoked"]


def _teams(found: tuple[teams.TeamSummary, ...]) -> list[str]:
    width = max((len(item.name) for item in found), default=0)
    return [
        f"{safe(item.name):<{width}}  {safe(item.role)}{_personal(personal=item.personal)}{_suspended(item.suspended)}"
        for item in found
    ]


def _personal(*, personal: bool) -> str:
    return " (personal)" if personal else ""


def _suspended(reason: str | None) -> str:
    return "" if reason is None else f", suspended: {safe(reason)}"


def _scope(item: tokens.AccessToken) -> str:
    place = item.team if item.app is None else f"{item.team}/{item.app}"
    return safe(f"{item.name}: {item.can} in {place}")


def _used(item: account.Session | tokens.AccessToken) -> str:
    return f"used {ago(item.used_at)}{f' from {safe(item.used_from)}' if item.used_from else ''}"
