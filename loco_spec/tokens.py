"""Access tokens for machines, on the wire."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from loco_spec.api import Request, Response
from loco_spec.teams import Slug

Can = Literal["read", "deploy", "admin"]
"""What a token may do at the most; never more than the role of its maker."""

_LIFETIME = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS = {"m": 60, "h": 3600, "d": 86400}
LIFETIME_MOST = 366 * 86400


def lifetime_seconds(text: str) -> int:
    """Seconds: `90d` is 7776000.

    Raises:
        ValueError: no lifetime of a token; there is none without an end.
    """
    match = _LIFETIME.fullmatch(text)
    found = 0 if match is None else int(match[1]) * _UNITS[match[2]]
    if not 0 < found <= LIFETIME_MOST:
        raise ValueError('expected a time such as "90d", "12h" or "30m", at most "366d"')
    return found


def _lifetime(text: str) -> str:
    lifetime_seconds(text)
    return text


Lifetime = Annotated[str, AfterValidator(_lifetime)]


class TokenCreate(Request):
    name: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")
    """For people: what the machine is."""
    app: Slug | None = None
    """None: all apps of the team."""
    can: Can
    expires: Lifetime = "90d"


class AccessToken(Response):
    id: str
    name: str
    team: str
    app: str | None = None
    can: str
    made_by: str
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    """To the minute."""
    used_from: str | None = None


class AccessTokens(Response):
    tokens: tuple[AccessToken, ...]


class TokenCreated(Response):
    access: AccessToken
    token: str = Field(repr=False)
    """Shown this once; the server keeps its SHA-256."""
