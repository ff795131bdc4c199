"""What every provider of identities promises.

The CLI only shows the prompt or follows it; it never sees a provider's token or a device code. What comes of a step is
a value, which `flows/login.py` words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Identity:
    provider: str
    subject: str
    """The provider's stable id; never a login name."""
    login: str
    """What the person is called there: the wish for a name here."""
    email: str | None = None
    """Only one that the provider has verified."""
    domain: str | None = None
    """The e-mail domain that the provider vouches for, in lower case."""
    organizations: frozenset[str] = frozenset()
    """Names (lower case) and ids of those the person is an active member of, where they were asked for."""


@dataclass(frozen=True)
class Prompt:
    expires_in: int
    file: str | None = None
    """Local: the file whose text proves that the caller can read the server's files."""
    user_code: str | None = None
    """What the person types at `verification_uri`."""
    verification_uri: str | None = None
    interval: int = 5
    """Seconds between two questions whether it is done."""
    login: str | None = field(default=None, repr=False)
    """The id to go on with, where it is a longer one."""


@dataclass(frozen=True)
class Done:
    """It is this person. The sign-in has ended."""

    identity: Identity


@dataclass(frozen=True)
class Pending:
    """The person has not confirmed yet."""

    interval: int


@dataclass(frozen=True)
class SlowDown:
    """Asked too soon. `interval` is the new one."""

    interval: int


@dataclass(frozen=True)
class Denied:
    """The person said no."""


@dataclass(frozen=True)
class Expired:
    """The time is over, or no such sign-in is known: it was used, or the server was started again."""


@dataclass(frozen=True)
class Wrong:
    """The proof, or the code, is not that of this sign-in, which has ended."""


@dataclass(frozen=True)
class Disabled:
    """The provider does not take this server's client: the operator has to put that right."""

    reason: str


@dataclass(frozen=True)
class Down:
    """The provider gave no answer that makes sense. The sign-in goes on."""

    reason: str
    retry_after: int = 10


Outcome = Done | Pending | SlowDown | Denied | Expired | Wrong | Disabled | Down


class IdentityProvider(Protocol):
    async def start(self, login: str) -> Prompt | Disabled | Down:
        """Begin a sign-in that is known by the id `login`."""
        ...

    async def finish(self, login: str, proof: str | None) -> Outcome:
        """Who it is, or how far it is. After `Done`, `Denied`, `Expired`, `Wrong` and `Disabled` it has ended."""
        ...


@dataclass(frozen=True)
class Believed:
    """An identity token that its issuer has signed and that is good now. Who may do what with it is not said."""

    issuer: str
    claims: Mapping[str, Any] = field(repr=False)
    ends_at: float
    """Seconds since the epoch after which it is good no more, the leeway included."""


@dataclass(frozen=True)
class Unbelievable:
    reason: str
    """For whoever holds the token; never with the token in it."""


class IdentityTokens(Protocol):
    async def read(self, token: str) -> Believed | Unbelievable | Down:
        """Check signature, issuer and times of a JWT. Its audience is the caller's to judge."""
        ...
