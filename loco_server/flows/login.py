"""Signing in and out, and who a token stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, assert_never

from loco_server.identity.base import (
    Denied,
    Disabled,
    Done,
    Down,
    Expired,
    Identity,
    IdentityProvider,
    Pending,
    Prompt,
    SlowDown,
    Wrong,
)
from loco_server.identity_settings import SignUp
from loco_server.policy import allowed, signup, tokens
from loco_server.records.change import tell
from loco_server.records.people import People, TokenRecord
from loco_server.records.values import UserRecord
from loco_spec import names
from loco_spec.api import LoginPrompt, Me, SignedIn, Team, TokenScope
from loco_spec.errors import (
    LocoError,
    NotAllowed,
    NotSignedIn,
    ProviderDown,
    SignInDenied,
    SignInDisabled,
    SignInExpired,
    SignInPending,
    SignInSlowDown,
    UsageError,
)

SESSION = timedelta(days=30)
_INVITED = "ask the operator for an invitation, then: loco login --invitation"
OUTLIVED = timedelta(hours=1)
"""A CI job's token ends after a quarter of one; the deployment that it follows may take longer."""
_SLIDE_AFTER = timedelta(days=1)
_NOTED_EVERY = timedelta(minutes=1)
"""When a token was used is kept to the minute: not a write for each request."""


@dataclass(frozen=True)
class Caller:
    """Who asks, by which token."""

    user: UserRecord
    token: TokenRecord
    address: str = ""
    """From where: the client's address."""
    request_id: str = ""

    @property
    def name(self) -> str:
        """How events call it: the login; for a machine's token also the token's name."""
        return self.user.login if self.token.can is None else f"{self.user.login} ({self.token.name or self.token.id})"

    @property
    def expires_at(self) -> datetime | None:
        return self.token.expires_at


class Invitations(Protocol):
    """What a sign-up asks of the codes that let somebody in."""

    async def claim(self, code: str) -> str | None:
        """Use a code up: of all who bring it, at the same time too, one gets its id; None: it is not good."""
        ...

    async def fulfil(self, invitation: str, user: UserRecord) -> None:
        """Bring the newcomer where the invitation leads: into its team, where it has one."""
        ...


class Login:
    def __init__(
        self,
        people: People,
        providers: Mapping[str, IdentityProvider],
        *,
        sign_up: SignUp | None = None,
        invitations: Invitations | None = None,
    ) -> None:
        self._people = people
        self._providers = providers
        self._sign_up = sign_up or SignUp()
        self._invitations = invitations

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(self._providers)

    async def start(self, provider: str) -> LoginPrompt:
        """Begin a sign-in.

        Raises:
            UsageError: there is no such provider here.
            SignInDisabled, ProviderDown: it does not begin.
        """
        if provider not in self._providers:
            raise UsageError(
                f'this server has no sign-in by "{provider}"; it has: {", ".join(self._providers)}',
                hint="loco login",
            )
        login = f"{provider}-{names.new_id()}{names.new_id()}"
        prompt = await self._providers[provider].start(login)
        if not isinstance(prompt, Prompt):
            raise _worded(prompt, provider)
        return LoginPrompt(
            login=prompt.login or login,
            provider=provider,
            expires_in=prompt.expires_in,
            file=prompt.file,
            user_code=prompt.user_code,
            verification_uri=prompt.verification_uri,
            interval=prompt.interval,
        )

    async def finish(self, login: str, proof: str | None, invitation: str | None = None) -> SignedIn:
        """End a sign-in with a session.

        Raises:
            NotSignedIn: not yet, or not at all; each outcome has its own class.
            NotAllowed: the person is suspended, or may not sign up.
        """
        name = login.partition("-")[0]
        provider = self._providers.get(name)
        outcome = Expired() if provider is None else await provider.finish(login, proof)
        if not isinstance(outcome, Done):
            raise _worded(outcome, name)
        tell(provider=name)
        return await self.session(await self._admitted(outcome.identity, invitation))

    async def _admitted(self, identity: Identity, invitation: str | None) -> UserRecord:
        """Give the user; a newcomer becomes one when the sign-up policy lets them."""
        allowed.user(self._sign_up.users, identity)
        user = await self._people.known(identity.provider, identity.subject)
        if user is None:
            claimed = None
            if invitation is not None:
                claimed = None if self._invitations is None else await self._invitations.claim(invitation)
                if claimed is None:
                    raise NotAllowed("the invitation is not good: used, over time, or mistyped", hint=_INVITED)
            refused = signup.refusal(self._sign_up, identity, invited=claimed is not None)
            if refused is not None:
                raise NotAllowed(refused, hint=_INVITED)
            user = await self._people.signed_in(identity.provider, identity.subject, identity.login, identity.email)
            if claimed is not None and self._invitations is not None:
                await self._invitations.fulfil(claimed, user)
        elif identity.email is not None:
            await self._people.signed_in(identity.provider, identity.subject, identity.login, identity.email)
        tell(actor=user.login, subject=user.login)
        refuse_suspended(user)
        return user

    async def session(self, user: UserRecord) -> SignedIn:
        """Open a session for a user who is known to be who they are."""
        token = tokens.new("session")
        tell(actor=user.login, subject=user.login, token_id=token.id)
        expires_at = datetime.now(UTC) + SESSION
        await self._people.add_token(token.id, user.id, kind="session", sha256=token.sha256, expires_at=expires_at)
        record = TokenRecord(
            id=token.id, user=user, kind="session", sha256=token.sha256, expires_at=expires_at, revoked_at=None
        )
        return SignedIn(token=token.text, me=await self.me(Caller(user, record)))

    async def caller(self, text: str, *, address: str = "", request_id: str = "", begun: bool = False) -> Caller:
        """Give the person behind a token. What was `begun` with one that was good may go on past its time, for a while.

        Raises:
            NotSignedIn: no such token, or it ended.
            NotAllowed: the person is suspended.
        """
        token_id = tokens.token_id(text)
        found = None if token_id is None else await self._people.token(token_id)
        if found is None or not tokens.matches(text, found.sha256):
            raise NotSignedIn("the token is not known to this server", hint="loco login")
        now = datetime.now(UTC)
        until = now - OUTLIVED if begun else now
        if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= until):
            raise NotSignedIn("the token has ended", hint="loco login")
        refuse_suspended(found.user)
        if not begun and (found.used_at is None or now - found.used_at >= _NOTED_EVERY):
            await self._people.used(found.id, address)
        expires_at = found.expires_at
        if found.kind == "session" and expires_at is not None and expires_at - now < SESSION - _SLIDE_AFTER:
            expires_at = now + SESSION
            await self._people.slide(found.id, expires_at)
        return Caller(found.user, replace(found, expires_at=expires_at), address, request_id)

    async def end(self, caller: Caller) -> None:
        await self._people.revoke(caller.token.id)

    async def me(self, caller: Caller) -> Me:
        """Give the person's name and teams, and what the token in use is limited to."""
        token = caller.token
        teams = [each for each in await self._people.teams(caller.user.id) if token.team_id in {None, each[0].id}]
        return Me(
            user=caller.user.login,
            teams=tuple(Team(name=team.name, role=role) for team, role, _ in teams),
            default_team=teams[0][0].name if teams else "",
            expires_at=caller.expires_at,
            token=TokenScope(
                id=token.id, kind=token.kind, name=token.name, team=token.team, app=token.app, can=token.can
            ),
        )


def refuse_suspended(user: UserRecord) -> None:
    """Keep a suspended user out.

    Raises:
        NotAllowed: with the reason.
    """
    if user.suspended is not None:
        raise NotAllowed(f"{user.login} is suspended: {user.suspended}", hint="ask the operator")


def _worded(outcome: Pending | SlowDown | Denied | Expired | Wrong | Disabled | Down, provider: str) -> LocoError:
    match outcome:
        case Pending(interval=seconds):
            return SignInPending(f"the sign-in at {provider} is not confirmed yet", retry_after=seconds)
        case SlowDown(interval=seconds):
            return SignInSlowDown(
                f"{provider} is asked too often: once in {seconds} s is enough", hint="loco login", retry_after=seconds
            )
        case Denied():
            return SignInDenied(f"the sign-in was refused at {provider}", hint="loco login")
        case Expired():
            return SignInExpired("the sign-in is over: its time ran out, or it was used", hint="loco login")
        case Wrong():
            return NotSignedIn("the sign-in was not completed: the proof is wrong", hint="loco login")
        case Disabled(reason=reason):
            return SignInDisabled(
                f"{provider} does not let this server sign people in: {reason}", hint="tell the server's operator"
            )
        case Down(reason=reason, retry_after=seconds):
            return ProviderDown(
                f"{reason}; nobody can sign in by {provider} now",
                hint="loco login, a little later",
                retry_after=seconds,
            )
        case _:
            assert_never(outcome)
