"""Teams: made, joined, changed, left, deleted. Who may do it is judged in policy/membership.py."""

from datetime import UTC, datetime, timedelta

from loco_server.flows.login import Caller
from loco_server.policy import membership, tokens
from loco_server.records.change import tell
from loco_server.records.invitations import Invitations
from loco_server.records.teams import Teams
from loco_server.records.values import InvitationRecord, MemberRecord, TeamRecord, UserRecord
from loco_server.settings import Limits
from loco_spec import teams as wire
from loco_spec.errors import Conflict, LocoError, NotFound, Refused

INVITATION_GOOD = timedelta(days=7)


class ManageTeams:
    def __init__(self, *, limits: Limits, teams: Teams, invitations: Invitations) -> None:
        self._limits = limits
        self._teams = teams
        self._invitations = invitations

    async def list(self, caller: Caller) -> wire.Teams:
        """Give the caller's teams; to a machine's token the one that it is for."""
        found = await self._teams.of(caller.user.id)
        return wire.Teams(
            teams=tuple(summary(team, member) for team, member in found if caller.token.team_id in {None, team.id})
        )

    async def create(self, caller: Caller, name: str) -> wire.TeamSummary:
        """Make a team, owned by the caller.

        Raises:
            Conflict: the name is taken.
            Refused: the caller owns as many as one person may.
        """
        most = self._limits.teams_per_person
        if sum(member.role == "owner" for _, member in await self._teams.of(caller.user.id)) >= most:
            raise Refused(f"you own {most} teams, the most that one person may", hint="loco teams delete NAME")
        team = await self._teams.create(name, caller.user.id)
        if team is None:
            raise Conflict(f'the name "{name}" is taken', hint="choose another: loco teams create NAME")
        tell(subject=name, team_id=team.id)
        return summary(team, MemberRecord(caller.user, "owner"))

    async def delete(self, caller: Caller, team: TeamRecord) -> None:
        """Remove a team without apps.

        Raises:
            Conflict: it has apps, or is a personal one.
        """
        await self._teams.delete(team, caller.user.id, membership.delete)

    async def members(self, team: TeamRecord) -> wire.Members:
        found = await self._teams.members(team.id)
        return wire.Members(team=team.name, members=tuple(_member(member) for member in found))

    async def change(self, caller: Caller, team: TeamRecord, login: str, role: str) -> wire.Member:
        """Give a member another role.

        Raises:
            NotFound: nobody of that name is in the team.
            NotAllowed: the caller has less than the member, or than the role.
            Conflict: the team would be left without an owner.
        """
        tell(role=role)
        found = await self._teams.change(
            team, caller.user.id, login, role, lambda standing: membership.change(standing, role)
        )
        return wire.Member(
            user=_there(found, team, login).user.login, role=role, personal=found is not None and found.personal
        )

    async def remove(self, caller: Caller, team: TeamRecord, login: str) -> None:
        """Take somebody out of the team; their tokens for it end.

        Raises:
            LocoError: as `change`.
        """
        found = await self._teams.change(
            team, caller.user.id, login, None, lambda standing: membership.change(standing, None)
        )
        _there(found, team, login)

    async def leave(self, caller: Caller, team: TeamRecord) -> None:
        """Leave the team; one's tokens for it end.

        Raises:
            Conflict: one is its last owner, or it is one's personal team.
        """
        login = caller.user.login
        _there(await self._teams.change(team, caller.user.id, login, None, membership.leave), team, login)

    async def invite(
        self, caller: Caller, team: TeamRecord, giver_role: str, role: str, note: str | None
    ) -> wire.InvitationCreated:
        """Make a code that lets one person into the team.

        Raises:
            NotAllowed: the role has something that the caller has not.
            Refused: too many are open.
        """
        membership.give(giver_role, role)
        most = self._limits.invitations_per_team
        if len(await self._invitations.open(team.id)) >= most:
            raise Refused(f"team {team.name} has {most} open invitations", hint="loco teams invitations --revoke ID")
        return await self._new_invitation(team=team, role=role, note=note, by=caller.user)

    async def invite_to_platform(self, note: str | None) -> wire.InvitationCreated:
        """For the operator: make a code that lets one person sign up, into no team but their own."""
        return await self._new_invitation(team=None, role=None, note=note, by=None)

    async def invitations(self, team: TeamRecord | None) -> wire.Invitations:
        """Give the open ones; None: the operator's."""
        found = await self._invitations.open(None if team is None else team.id)
        return wire.Invitations(invitations=tuple(_invitation(each) for each in found))

    async def revoke_invitation(self, team: TeamRecord | None, invitation_id: str) -> None:
        """Forget an open invitation of that team (None: of the operator).

        Raises:
            NotFound: there is none such.
        """
        if not await self._invitations.revoke(None if team is None else team.id, invitation_id):
            hint = "loco-server admin invitations" if team is None else "loco teams invitations"
            raise NotFound(f"there is no open invitation {invitation_id}", hint=hint)

    async def offer(self, code: str) -> InvitationRecord:
        """Look at an invitation without using it up.

        Raises:
            LocoError: it lets nobody in.
        """
        found = await self._invitations.get(tokens.token_id(code) or "")
        if found is not None and not tokens.matches(code, found.sha256):
            found = None
        return membership.good(found, now=datetime.now(UTC))

    async def claim(self, code: str) -> str | None:
        """Use a code up for a sign-up: of all who bring it, at the same time too, one gets its id."""
        try:
            offer = await self.offer(code)
        except LocoError:
            return None
        return offer.id if await self._invitations.claim(offer.id) else None

    async def fulfil(self, invitation: str, user: UserRecord) -> None:
        """Bring the newcomer into the team of the invitation that was claimed, where it has one."""
        tell(team_id=await self._invitations.fulfil(invitation, user.id), invitation=invitation)

    async def join(self, user: UserRecord, code: str) -> wire.TeamSummary:
        """Get into a team by an invitation.

        Raises:
            LocoError: it lets nobody in, or the person is in the team already.
        """
        offer, now = await self.offer(code), datetime.now(UTC)

        def judge(found: InvitationRecord | None, role: str | None) -> None:
            membership.join(found, role, now=now)

        if offer.team is not None:
            tell(subject=offer.team.name, team_id=offer.team.id, role=offer.role, invitation=offer.id)
        used = await self._invitations.use(offer.id, user.id, judge) or offer
        assert used.team is not None  # noqa: S101  judged
        return summary(used.team, MemberRecord(user, used.role or ""))

    async def _new_invitation(
        self, *, team: TeamRecord | None, role: str | None, note: str | None, by: UserRecord | None
    ) -> wire.InvitationCreated:
        code = tokens.new("invite")
        now = datetime.now(UTC)
        record = InvitationRecord(
            id=code.id,
            team=team,
            role=role,
            note=note,
            invited_by=by,
            created_at=now,
            expires_at=now + INVITATION_GOOD,
            used=False,
            sha256=code.sha256,
        )
        tell(subject=record.id, role=role)
        await self._invitations.add(record)
        return wire.InvitationCreated(invitation=_invitation(record), code=code.text)


def summary(team: TeamRecord, member: MemberRecord) -> wire.TeamSummary:
    return wire.TeamSummary(name=team.name, role=member.role, personal=member.personal, suspended=team.suspended)


def _member(member: MemberRecord) -> wire.Member:
    return wire.Member(
        user=member.user.login, role=member.role, personal=member.personal, suspended=member.user.suspended
    )


def _invitation(record: InvitationRecord) -> wire.Invitation:
    return wire.Invitation(
        id=record.id,
        team=None if record.team is None else record.team.name,
        role=record.role,
        note=record.note,
        invited_by=None if record.invited_by is None else record.invited_by.login,
        created_at=record.created_at,
        expires_at=record.expires_at,
    )


def _there(found: MemberRecord | None, team: TeamRecord, login: str) -> MemberRecord:
    if found is None:
        raise NotFound(f"{login} is not in team {team.name}", hint=f"loco teams members --team {team.name}")
    return found
