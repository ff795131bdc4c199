"""Signing in and out, and who a token stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from loco_server.identity.base import IdentityProvider
from loco_server.policy import tokens
from loco_server.records.people import People, TokenRecord
from loco_server.records.values import UserRecord
from loco_spec import names
from loco_spec.api import LoginPrompt, Me, SignedIn, Team
from loco_spec.errors import NotAllowed, NotSignedIn, UsageError

SESSION = timedelta(days=30)
_SLIDE_AFTER = timedelta(days=1)


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


class Login:
    def __init__(self, people: People, providers: Mapping[str, IdentityProvider]) -> None:
        self._people = people
        self._providers = providers

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(self._providers)

    async def start(self, provider: str) -> LoginPrompt:
        """Begin a sign-in.

        Raises:
            UsageError: there is no such provider here.
        """
        if provider not in self._providers:
            raise UsageError(
                f'this server has no sign-in by "{provider}"; it has: {", ".join(self._providers)}',
                hint="loco login",
            )
        login = f"{provider}-{names.new_id()}{names.new_id()}"
        prompt = await self._providers[provider].start(login)
        return LoginPrompt(login=login, provider=provider, expires_in=prompt.expires_in, file=prompt.file)

    async def finish(self, login: str, proof: str | None) -> SignedIn:
        """End a sign-in with a session.

        Raises:
            NotSignedIn: wrong proof, or too late.
        """
        provider = self._providers.get(login.partition("-")[0])
        identity = None if provider is None else await provider.finish(login, proof)
        if identity is None:
            raise NotSignedIn("the sign-in was not completed: wrong proof, or over time", hint="loco login")
        user = await self._people.signed_in(identity.provider, identity.subject, identity.login)
        return await self.session(user)

    async def session(self, user: UserRecord) -> SignedIn:
        """Open a session for a user who is known to be who they are."""
        token = tokens.new("session")
        expires_at = datetime.now(UTC) + SESSION
        await self._people.add_token(token.id, user.id, kind="session", sha256=token.sha256, expires_at=expires_at)
        record = TokenRecord(
            id=token.id, user=user, kind="session", sha256=token.sha256, expires_at=expires_at, revoked_at=None
        )
        return SignedIn(token=token.text, me=await self.me(Caller(user, record)))

    async def caller(self, text: str, *, address: str = "", request_id: str = "") -> Caller:
        """Give the person behind a token.

        Raises:
            NotSignedIn: no such token, or it ended.
            NotAllowed: the person is suspended.
        """
        token_id = tokens.token_id(text)
        found = None if token_id is None else await self._people.token(token_id)
        if found is None or not tokens.matches(text, found.sha256):
            raise NotSignedIn("the token is not known to this server", hint="loco login")
        now = datetime.now(UTC)
        if found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
            raise NotSignedIn("the token has ended", hint="loco login")
        expires_at = found.expires_at
        if found.kind == "session" and expires_at is not None and expires_at - now < SESSION - _SLIDE_AFTER:
            expires_at = now + SESSION
            await self._people.slide(found.id, expires_at)
        if found.user.suspended is not None:
            raise NotAllowed(f"{found.user.login} is suspended: {found.user.suspended}", hint="ask the operator")
        return Caller(found.user, replace(found, expires_at=expires_at), address, request_id)

    async def end(self, caller: Caller) -> None:
        await self._people.revoke(caller.token.id)

    async def me(self, caller: Caller) -> Me:
        """Give the person's name and teams."""
        teams = await self._people.teams(caller.user.id)
        return Me(
            user=caller.user.login,
            teams=tuple(Team(name=team.name, role=role) for team, role, _ in teams),
            default_team=teams[0][0].name if teams else "",
            expires_at=caller.expires_at,
        )
