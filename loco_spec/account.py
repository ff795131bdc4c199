"""One's own account on the wire: who one is to the server, one's sessions, and the end of it."""

from datetime import datetime

from loco_spec.api import Request, Response
from loco_spec.teams import TeamSummary


class Identity(Response):
    provider: str
    subject: str
    """The provider's own name for the person, which never changes; no login name."""


class Account(Response):
    user: str
    email: str | None = None
    """Only one that a provider has verified."""
    created_at: datetime
    identities: tuple[Identity, ...] = ()
    teams: tuple[TeamSummary, ...] = ()


class Session(Response):
    id: str
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    """To the minute."""
    used_from: str | None = None
    current: bool = False
    """The one that asks."""


class Sessions(Response):
    sessions: tuple[Session, ...]


class SessionsRevoked(Response):
    revoked: int


class AccountDelete(Request):
    confirm: str
    """The login, typed once more."""
    with_apps: bool = False
    """Destroy the apps of the personal team too."""


class AccountDeleted(Response):
    user: str
