"""Who may change whose place in a team. Nobody gives what they do not have, and a team always has an owner. Pure."""

from collections.abc import Sequence
from datetime import datetime

from loco_server.policy import suspension
from loco_server.policy.permissions import Permission, allows, at_most, may_make
from loco_server.records.values import Holding, InvitationRecord, Standing
from loco_spec.errors import Conflict, NotAllowed, NotFound


def change(standing: Standing, role: str | None) -> None:
    """Judge giving a member another role, or (None) taking them out of the team.

    Raises:
        NotAllowed: they have, or would get, something that who asks has not.
        Conflict: the team would be left without an owner, or a personal team without its person.
    """
    actor, login = standing.actor or "", standing.subject.user.login
    if not allows(actor, Permission.TEAM_MANAGE):
        raise NotAllowed(f"you may not change who is in team {standing.team.name}", hint="loco whoami")
    if not at_most(standing.subject.role, actor):
        raise NotAllowed(
            f"{login} is {standing.subject.role} of team {standing.team.name}, which is more than {actor}",
            hint="ask an owner: loco teams members",
        )
    if role is not None:
        give(actor, role)
    if role != "owner":
        _keeps_its_owner(standing)


def give(actor: str, role: str) -> None:
    """Judge giving a role to anybody.

    Raises:
        NotAllowed: the role has something that who gives it has not.
    """
    if not at_most(role, actor):
        raise NotAllowed(f"{role} is more than {actor}, and nobody gives what they do not have", hint="loco whoami")


def leave(standing: Standing) -> None:
    """Judge leaving the team oneself.

    Raises:
        Conflict: it would be left without an owner, or is one's personal team.
    """
    _keeps_its_owner(standing)


def _keeps_its_owner(standing: Standing) -> None:
    team, login = standing.team.name, standing.subject.user.login
    if standing.subject.personal:
        raise Conflict(f"team {team} is {login}'s own, and keeps its owner", hint="loco account delete removes both")
    if standing.subject.role == "owner" and standing.owners < 2:
        raise Conflict(
            f"{login} is the last owner of team {team}",
            hint=f"loco teams role LOGIN owner --team {team}, or: loco teams delete {team}",
        )


def delete(standing: Standing, apps: Sequence[str]) -> None:
    """Judge deleting the team.

    Raises:
        NotAllowed: who asks does not own it any more.
        Conflict: it has apps, or is somebody's personal team.
    """
    team = standing.team.name
    if not allows(standing.actor or "", Permission.TEAM_OWN):
        raise NotAllowed(f"only an owner deletes team {team}", hint="loco whoami")
    if standing.personal:
        raise Conflict(f"team {team} is a personal one, and goes with its person", hint="loco account delete")
    if apps:
        raise Conflict(
            f"team {team} still has apps: {', '.join(apps)}", hint=f"loco destroy --team {team} --app {apps[0]}"
        )


def join(offer: InvitationRecord | None, already: str | None, *, now: datetime) -> None:
    """Judge using an invitation to get into a team.

    Raises:
        NotFound: there is none such; a revoked one looks the same.
        Conflict: it was used, its time is over, it is for no team, or the person is in the team.
        NotAllowed: the team is suspended, or who gave it may not do so any more.
    """
    offer = good(offer, now=now)
    if offer.team is None:
        raise Conflict("this invitation is into the platform, and you are in it already", hint="loco whoami")
    if already is not None:
        raise Conflict(
            f"you are in team {offer.team.name} already, as {already}", hint="ask an owner of it for another role"
        )


def good(offer: InvitationRecord | None, *, now: datetime) -> InvitationRecord:
    """Judge whether an invitation lets anybody in; give it back.

    Raises:
        LocoError: as `join`.
    """
    if offer is None:
        raise NotFound("there is no such invitation, or it was revoked", hint="ask for another one")
    if offer.used:
        raise Conflict("the invitation was used already; each one works once", hint="ask for another one")
    if offer.expires_at <= now:
        raise Conflict("the invitation is too old", hint="ask for another one")
    if offer.team is None:
        return offer  # the operator's
    suspension.refuse_team(offer.team)
    giver, role = offer.invited_by, offer.inviter_role or ""
    if giver is None or giver.suspended is not None or not allows(role, Permission.TEAM_MANAGE):
        raise NotAllowed("who gave the invitation may not do so any more", hint="ask for another one")
    if not at_most(offer.role or "", role):
        raise NotAllowed("who gave the invitation has less by now than it gives", hint="ask for another one")
    return offer


def make_token(role: str, can: str) -> None:
    """Judge making an access token.

    Raises:
        NotAllowed: it could do something that its maker may not.
    """
    if not may_make(role, can):
        raise NotAllowed(f"a token that can {can} could do more than a {role} may", hint="--can read, or --can deploy")


def end_account(holdings: Sequence[Holding]) -> list[str]:
    """Judge the end of an account; give the ids of the teams that go with it: the personal one, and those left empty.

    Raises:
        NotAllowed: a team of theirs is suspended, which would go with them.
        Conflict: the personal team has apps, or other teams would be left without an owner. All are named.
    """
    for each in holdings:
        if each.owns:
            suspension.refuse_team(each.team)
    alone = [each for each in holdings if not each.personal and each.owns and each.owners < 2]
    stuck = [each.team.name for each in alone if each.members > 1 or each.apps]
    if stuck:
        raise Conflict(
            f"you are the only owner of: {', '.join(stuck)}",
            hint=f"loco teams role LOGIN owner --team {stuck[0]}, or: loco teams delete {stuck[0]}",
        )
    personal = [each for each in holdings if each.personal]
    apps = [name for each in personal for name in each.apps]
    if apps:
        raise Conflict(
            f"your personal team still has apps: {', '.join(apps)}",
            hint="loco account delete --with-apps removes them too",
        )
    return [each.team.id for each in (*personal, *alone)]
