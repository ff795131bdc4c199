"""One's own account: what the server knows, the sessions, and the end of it."""

from dataclasses import replace

from loco_server.flows.destroy import Destroy
from loco_server.flows.login import Caller
from loco_server.flows.teams import summary
from loco_server.policy import membership
from loco_server.records.accounts import Accounts
from loco_server.records.apps import Apps
from loco_server.records.change import tell
from loco_server.records.teams import Teams
from loco_server.records.tokens import Tokens
from loco_spec import account as wire
from loco_spec.errors import NotAllowed, NotFound, UsageError


class ManageAccount:
    def __init__(self, *, accounts: Accounts, teams: Teams, tokens: Tokens, apps: Apps, destroy: Destroy) -> None:
        self._accounts = accounts
        self._teams = teams
        self._tokens = tokens
        self._apps = apps
        self._destroy = destroy

    async def show(self, caller: Caller) -> wire.Account:
        found = await self._accounts.get(caller.user.id)
        return wire.Account(
            user=found.login,
            email=found.email,
            created_at=found.created_at,
            identities=tuple(wire.Identity(provider=p, subject=s) for p, s in found.identities),
            teams=tuple(summary(team, member) for team, member in await self._teams.of(caller.user.id)),
        )

    async def sessions(self, caller: Caller) -> wire.Sessions:
        found = await self._tokens.sessions(caller.user.id)
        return wire.Sessions(
            sessions=tuple(
                wire.Session(
                    id=item.id,
                    created_at=item.created_at,
                    expires_at=item.expires_at,
                    used_at=item.used_at,
                    used_from=item.used_from,
                    current=item.id == caller.token.id,
                )
                for item in found
            )
        )

    async def revoke(self, caller: Caller, session: str) -> None:
        """End one of the caller's sessions, also the one that asks.

        Raises:
            NotFound: there is none such.
        """
        if not await self._tokens.revoke_session(caller.user.id, session):
            raise NotFound(f"there is no open session {session}", hint="loco account sessions")

    async def revoke_others(self, caller: Caller) -> wire.SessionsRevoked:
        count = await self._tokens.revoke_other_sessions(caller.user.id, keep=caller.token.id)
        tell(revoked=count)
        return wire.SessionsRevoked(revoked=count)

    async def delete(self, caller: Caller, asked: wire.AccountDelete) -> wire.AccountDeleted:
        """Remove the person and everything that goes with them. Asked again, it goes on where it was interrupted.

        Raises:
            UsageError: the login was not confirmed.
            NotAllowed: a team that would go, or an app of one, is suspended.
            Conflict: teams would be left without an owner, or the personal team has apps.
            StillGoing: engine or registry does not answer; the account is there until the apps are gone.
        """
        user = caller.user
        if asked.confirm != user.login:
            raise UsageError(
                f'"{asked.confirm}" is not "{user.login}"; nothing was removed',
                hint=f"loco account delete --confirm {user.login}",
            )
        await self._refuse_suspended(caller)
        holdings = await self._accounts.holdings(user.id)
        going = [each for each in holdings if each.personal and asked.with_apps]
        membership.end_account([replace(each, apps=()) if each in going else each for each in holdings])
        await self._tokens.revoke_all_but(user.id, keep=caller.token.id)
        for app in [app for each in going for app in await self._apps.of_team(each.team.id)]:
            await self._refuse_suspended(caller)  # it may have been since: destroying takes its time
            await self._destroy.run(app)
        await self._accounts.delete(user.id, membership.end_account)
        return wire.AccountDeleted(user=user.login)

    async def _refuse_suspended(self, caller: Caller) -> None:
        """What was suspended does not go with its owner: it is evidence, and a new account would be a way around."""
        for team, member in await self._teams.of(caller.user.id):
            if member.role != "owner":
                continue
            if team.suspended is not None:
                raise NotAllowed(f"team {team.name} is suspended: {team.suspended}", hint="ask the operator")
            held = [app.suspended for app in await self._apps.of_team(team.id) if app.suspended and not app.unused]
            if held:
                raise NotAllowed(held[0], hint="ask the operator")
