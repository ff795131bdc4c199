"""Requests and responses. A request with an unknown field is refused; a response's unknown fields are ignored."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from loco_spec.app import App
from loco_spec.errors import Diagnosis
from loco_spec.events import DeploymentEvent
from loco_spec.tables import Flag, Whole

BUILD_LOG_BYTES = 1 << 20
"""The most of a build's log that is sent and kept."""


class Request(BaseModel):
    # hide_input_in_errors, here and below: what does not fit may hold a secret, and an error ends up in a trace.
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: object, info: ValidationInfo) -> object:
        """JSON has one type of number, and to JSON Schema (draft 2020-12, Core 4.2.3) 1.0 is an integer, too."""
        return _integers(data) if info.mode == "json" else data


def _integers(data: object) -> object:
    match data:
        case dict():
            return {key: _integers(value) for key, value in data.items()}
        case list():
            return [_integers(value) for value in data]
        case float() if data.is_integer():
            return int(data)
        case _:
            return data


class Response(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Server(Response):
    """GET /v1/server, open to all: what a client must know before it signs in."""

    version: str
    minimum_version: str
    providers: tuple[str, ...]
    domain: str
    """Apps answer under it: `shop` at `shop.<domain>`."""
    edge: str
    """Where the edge listens: `http://127.0.0.1:7080`."""
    registry: str
    """Host and port of the registry gateway, as the container engine is to dial it."""
    platform: str | None = None
    """What the apps run on: `linux/amd64`. None, here and below: an older server, which judges after the push only."""
    image_bytes: int | None = None
    """The most that an image may have as the registry stores it, compressed."""
    uncompressed_bytes: int | None = None
    """The most that it may have unpacked."""


class LoginStart(Request):
    provider: str = "local"


class LoginPrompt(Response):
    """What the CLI must show or do. `local`: read the file at `file` and send its text as the proof.

    With a `user_code`: show it and `verification_uri`, and finish every `interval` seconds while it is `SignInPending`.
    """

    login: str
    provider: str
    expires_in: int
    file: str | None = None
    user_code: str | None = None
    verification_uri: str | None = None
    interval: int = 5


class LoginFinish(Request):
    proof: str | None = Field(default=None, repr=False)
    invitation: str | None = Field(default=None, repr=False, max_length=200)
    """The code of one, for a newcomer; nobody else needs it."""


class Team(Response):
    name: str
    role: str


class TokenScope(Response):
    """The token that was used, and what it is limited to."""

    id: str
    kind: str
    """`session`: a person, whole; `access` or `ci`: a machine."""
    name: str | None = None
    team: str | None = None
    app: str | None = None
    can: str | None = None


class Me(Response):
    user: str
    teams: tuple[Team, ...]
    """A machine's token sees the one team that it is for."""
    default_team: str
    expires_at: datetime | None = None
    """When the token ends that was used."""
    token: TokenScope | None = None
    """None: an older server."""


class SignedIn(Response):
    token: str = Field(repr=False)
    me: Me


class DeploymentCreate(Request):
    spec: App
    digest: str | None = None
    """The manifest digest that the last push of an unchanged context had, when the client knows it."""
    force: Flag = False
    """A new number even when nothing changed."""
    release: Flag = False
    """Run the release command even where neither image nor command changed."""
    context_bytes: Annotated[Whole, Field(ge=0, lt=2**53)] | None = None
    """What the build context has, as the client counts it; None: nothing is built, or the client does not say."""


class PushTicket(Response):
    """Buys registry tokens (at most five minutes, write-only, one repository) while the deployment is `created`."""

    registry: str
    repository: str
    tag: str
    username: str
    password: str = Field(repr=False)
    expires_at: datetime


class Deployment(Response):
    team: str
    app: str
    number: int
    state: str
    reason: str | None = None
    """Why it ended, where it did not end live."""
    action: str = "deploy"
    """`deploy`, `redeploy`, `rollback`, `scale` or `variables`."""
    base: int | None = None
    """The number that it was made from: what a rollback restored, what the others but `deploy` rolled once more."""
    digest: str | None = None
    created_by: str
    created_at: datetime
    state_at: datetime | None = None
    """Since when it is in its state; None: an older server."""
    live_at: datetime | None = None
    ended_at: datetime | None = None
    urls: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None


class DeploymentShown(Deployment):
    """One deployment with what it stands on."""

    variables: dict[str, int] = Field(default_factory=dict)
    """The version of each variable that it has; none before it is accepted."""
    replicas: int = 1
    replicas_most: int = 1
    release_command: tuple[str, ...] | None = None
    image_kept: bool = True
    """Whether retention has left its image in the registry."""


class DeploymentCreated(Response):
    deployment: Deployment
    unchanged: bool = False
    """Nothing changed: `deployment` is the live one, and no number was given out."""
    ticket: PushTicket | None = None
    notes: tuple[str, ...] = ()
    """Said once to the person: `host "shop" is taken, the app answers at shop-acme`."""


class ImagePushed(Request):
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


MESSAGE_MOST, HINT_MOST, NAME_MOST, TEXT_MOST, LINE_MOST = 2000, 1000, 100, 1000, 2000
"""Characters of what a client tells of a failure."""
LINES_MOST = 20
FailurePhase = Literal["building", "checking", "pushing"]


class FailureFact(Request):
    name: str = Field(min_length=1, max_length=NAME_MOST)
    text: str = Field(max_length=TEXT_MOST)


class Failure(Request):
    """Why no image will come, as whoever was to send it found it."""

    phase: FailurePhase
    cause: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=40)
    message: str = Field(min_length=1, max_length=MESSAGE_MOST)
    hint: str = Field(default="", max_length=HINT_MOST)
    seconds: Annotated[float, Strict()] = Field(default=0, ge=0, le=10**7, allow_inf_nan=False)
    evidence: tuple[FailureFact, ...] = Field(default=(), max_length=LINES_MOST)
    lines: tuple[Annotated[str, Field(max_length=LINE_MOST)], ...] = Field(default=(), max_length=LINES_MOST)


class Cancel(Request):
    failure: Failure | None = None
    """None: somebody wanted it. Else the deployment has failed, if it still waits for its image."""


class BuildLog(Response):
    """What a build said. It is put as text/plain, and read as this."""

    team: str
    app: str
    deployment: int
    kept_at: datetime
    text: str


class Instance(Response):
    """One container or pod."""

    name: str
    deployment: int
    state: str
    """starting, running, unhealthy, stopped; a client shows what it does not know as it is."""
    started_at: datetime | None = None
    restarts: int = 0
    reason: str | None = None
    diagnosis: Diagnosis | None = None
    """Why it ends again and again, where it does."""


class AppStatus(Response):
    team: str
    app: str
    suspended: str | None = None
    """That the operator lets nothing of it run, and why."""
    urls: tuple[str, ...] = ()
    live: Deployment | None = None
    latest: Deployment | None = None
    instances: tuple[Instance, ...] = ()


class AppSummary(Response):
    team: str
    app: str
    urls: tuple[str, ...] = ()
    live: int | None = None
    state: str
    """The newest deployment's state; or `suspended`, or `destroying`."""
    updated_at: datetime


class Apps(Response):
    apps: tuple[AppSummary, ...]


class Deployments(Response):
    deployments: tuple[Deployment, ...]


class DeploymentsQuery(Request):
    limit: int = Field(default=50, ge=1, le=500)
    """At most so many of the newest."""


class DeploymentEvents(Response):
    """What has happened so far; who wants to hear what comes takes `text/event-stream`."""

    events: tuple[DeploymentEvent, ...]


class EventsQuery(Request):
    after: int = Field(default=0, ge=0, lt=2**31)
    """The number of the last event that is known."""


def _written(text: Any) -> Any:
    """A count of seconds is a time to pydantic too."""
    if isinstance(text, str) and not text[:5].endswith("-"):
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z")
    return text


class LogsQuery(Request):
    follow: bool = False
    """Go on with what comes."""
    lines: int | None = Field(default=None, ge=0)
    """At most so many of the newest."""
    since: Annotated[datetime, BeforeValidator(_written)] | None = None
    """None that is older; without a zone it is UTC."""
    until: Annotated[datetime, BeforeValidator(_written)] | None = None
    """Only what is older; without a zone it is UTC."""
    position: str | None = None
    """Where a log that was cut off goes on; the header `Last-Event-ID` wins."""
    instance: str | None = Field(default=None, min_length=1, max_length=100)
    """Only the lines of this one: `v12-1`."""
    deployment: int | None = Field(default=None, ge=1, lt=2**31)
    """Only the lines of this one's instances, live or ended."""
    previous: bool = False
    """Only what is over: what was said before an instance's last restart, and by those that have ended."""

    @field_validator("previous", "until")
    @classmethod
    def _over(cls, over: Any, asked: ValidationInfo) -> Any:
        if over and asked.data.get("follow"):
            raise ValueError("what is over cannot be followed: without follow")
        return over


class Destroyed(Response):
    team: str
    app: str
