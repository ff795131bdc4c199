"""What every provider of identities promises. The CLI only shows the prompt or follows it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Identity:
    provider: str
    subject: str
    """The provider's stable id; never a login name."""
    login: str
    """What the person is called there: the wish for a name here."""


@dataclass(frozen=True)
class Prompt:
    expires_in: int
    file: str | None = None
    """Local: the file whose text proves that the caller can read the server's files."""


class IdentityProvider(Protocol):
    async def start(self, login: str) -> Prompt:
        """Begin a sign-in that is known by the id `login`."""
        ...

    async def finish(self, login: str, proof: str | None) -> Identity | None:
        """Who it is; None when the proof is wrong or the sign-in is over. A sign-in ends at the first answer."""
        ...
