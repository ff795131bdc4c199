"""Which CI jobs may act for a team, and from where an app may be deployed."""

from datetime import datetime

from pydantic import Field

from loco_spec.api import Request, Response

_ID = r"^[0-9]{1,20}$"


class CiLogin(Request):
    """POST /v1/login/ci: a job's identity token for a loco token of fifteen minutes."""

    token: str = Field(repr=False, max_length=16384)
    team: str = Field(max_length=40)
    """For whom: a rule of another team about the same repository never decides where a job deploys to."""
    app: str | None = Field(default=None, max_length=40)


class TrustRuleAdd(Request):
    issuer: str = Field(max_length=200)
    """`github`, `gitlab`, or the URL of an issuer that the server believes."""
    audience: str = Field(min_length=1, max_length=200)
    repository: str = Field(min_length=1, max_length=200)
    """Only what people call it; the ids decide."""
    repository_id: str = Field(pattern=_ID)
    owner_id: str = Field(pattern=_ID)
    ref: str | None = Field(default=None, min_length=1, max_length=200)
    """`main`, `refs/heads/main`, `refs/tags/*`. Neither this nor an environment: the branch main."""
    environment: str | None = Field(default=None, min_length=1, max_length=200)
    actors: tuple[str, ...] = Field(default=(), max_length=50)
    """Ids of the users whose jobs are trusted; none: everybody's who may run them there."""
    app: str | None = Field(default=None, max_length=40)


class TrustRule(Response):
    id: str
    issuer: str
    audience: str
    repository: str
    claims: dict[str, str | list[str]]
    """What the job's token must say."""
    app: str | None = None
    """None: all of the team's."""
    created_by: str
    """As whom the job acts."""
    created_at: datetime


class TrustRules(Response):
    rules: tuple[TrustRule, ...]


class TrustRuleRemoved(Response):
    id: str


class SourceSet(Request):
    source: str = Field(pattern="^(any|ci)$")
    allow: tuple[str, ...] = Field(default=(), max_length=100)
    """Logins of members who may deploy beside the trusted jobs."""


class Source(Response):
    team: str
    app: str
    source: str
    allow: tuple[str, ...] = ()
