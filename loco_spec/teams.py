"""Teams on the wire: who is in them, in which role, and the codes that let somebody in."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loco_spec import names
from loco_spec.api import Request, Response

RoleName = Literal["owner", "admin", "developer", "viewer"]
"""From the most to the least; what each may do is the server's table (docs/security.md)."""


def _slug(text: str) -> str:
    if not names.is_slug(text):
        raise ValueError("expected a-z, 0-9 and inner dashes, a letter first, at most 40 characters")
    return text


Slug = Annotated[str, AfterValidator(_slug)]


class TeamCreate(Request):
    name: Slug


class TeamSummary(Response):
    name: str
    role: str
    """The caller's."""
    personal: bool = False
    suspended: str | None = None
    """The operator's reason."""


class Teams(Response):
    teams: tuple[TeamSummary, ...]


class Member(Response):
    user: str
    role: str
    personal: bool = False
    """The team is this person's own."""
    suspended: str | None = None


class Members(Response):
    team: str
    members: tuple[Member, ...]


class RoleChange(Request):
    role: RoleName


class InvitationCreate(Request):
    role: RoleName
    note: str | None = Field(default=None, max_length=200)
    """For those who read the list: whom it is for."""


class Invitation(Response):
    id: str
    team: str | None = None
    """None: the operator's, for the platform alone."""
    role: str | None = None
    note: str | None = None
    invited_by: str | None = None
    created_at: datetime
    expires_at: datetime


class Invitations(Response):
    """Those that still let somebody in."""

    invitations: tuple[Invitation, ...]


class InvitationCreated(Response):
    invitation: Invitation
    code: str = Field(repr=False)
    """Shown this once; the server keeps its SHA-256."""


class Join(Request):
    code: str = Field(repr=False, max_length=200)
