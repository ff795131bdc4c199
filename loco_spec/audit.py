"""The audit trail on the wire: one event for each change, with who made it, from where, and how it ended."""

from datetime import datetime
from typing import Any

from pydantic import Field

from loco_spec.api import Request, Response

LIMIT = 100
LIMIT_MOST = 1000


class AuditQuery(Request):
    """GET /v1/teams/{team}/events. As a stream, what comes later follows; `Last-Event-ID` is as `after`."""

    app: str | None = Field(default=None, max_length=40)
    """Of this app alone, also when it is gone."""
    after: int | None = Field(default=None, ge=0, lt=2**63)
    """What comes after the event with this id. None: the newest."""
    limit: int = Field(default=LIMIT, ge=1, le=LIMIT_MOST)


class AuditEvent(Response):
    id: int
    at: datetime
    actor: str
    """A person's login, with the token's name where a machine acts for them; `loco` is the server itself."""
    action: str
    """`deployment.create`, `member.role`, `deployment.live`."""
    subject: str
    app: str | None = None
    address: str | None = None
    outcome: str | None = None
    """`done`, or the code of the error. None: it is under way, or the server died in the middle of it."""
    request_id: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class AuditEvents(Response):
    """The oldest first."""

    events: tuple[AuditEvent, ...]
