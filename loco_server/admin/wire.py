"""What goes over the operator's socket. Both ends are of one installation: nothing here has to grow with care."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from loco_server.records.suspensions import Kind
from loco_spec.audit import LIMIT, LIMIT_MOST


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SuspendRequest(_Value):
    kind: Kind
    name: Annotated[str, StringConstraints(max_length=200)]
    reason: str


class ResumeRequest(_Value):
    kind: Kind
    name: Annotated[str, StringConstraints(max_length=200)]


class Suspended(_Value):
    kind: str
    name: str
    reason: str
    apps: tuple[str, ...]
    """`acme/shop`: what runs no more."""
    pushes: int
    """So many deployments waited for their image, and were cancelled."""


class Resumed(_Value):
    kind: str
    name: str
    apps: tuple[str, ...]
    """What may run again."""
    still: str | None = None
    """Why something of it may not all the same."""


class Held(_Value):
    """What is suspended."""

    kind: str
    name: str
    reason: str


class TeamLoad(_Value):
    team: str
    apps: int
    instances: int
    cpu_millis: int
    memory_bytes: int
    deployments: int
    """In the last 24 hours; `failures` of them failed."""
    failures: int


class Overview(_Value):
    teams: tuple[TeamLoad, ...]
    suspended: tuple[Held, ...]
    engine: str | None = None
    """Why nothing is known of processor and memory; None: it is."""


class Unused(_Value):
    """An app, and what becomes of it as things are."""

    team: str
    app: str
    last_used: datetime
    """The newest sign of use."""
    counted: bool
    """Whether its requests are counted, and are such a sign."""
    state: Literal["used", "warned", "stopped"]
    due: Literal["none", "warn", "stop", "delete"]
    """What is to be done now."""
    next: Literal["none", "warn", "stop", "delete"]
    at: datetime | None
    """When `next` comes; None: never."""
    reason: str


class Lifecycle(_Value):
    mode: Literal["off", "dry-run", "on"]
    unused_days: int
    warned_days: int
    stopped_days: int
    apps: tuple[Unused, ...]
    """What comes first is first."""


class Rotated(_Value):
    key_id: str
    values: int
    resumed: bool
    unneeded: tuple[str, ...]


class InviteRequest(_Value):
    note: Annotated[str, StringConstraints(max_length=200)] | None = None


class User(_Value):
    login: str
    email: str | None
    identities: tuple[str, ...]
    """By what they sign in: `github:583231`."""
    suspended: str | None


class Users(_Value):
    users: tuple[User, ...]


class EventsQuery(_Value):
    team: str | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MOST)] = LIMIT


class QuotaRequest(_Value):
    team: Annotated[str, StringConstraints(max_length=40)]
    changes: tuple[Annotated[str, StringConstraints(max_length=200)], ...] = ()


class QuotaLine(_Value):
    name: str
    used: int | None
    """None: it is judged one by one, as an image's size is."""
    limit: int
    """cpu is in thousandths of a processor, sizes are in bytes."""
    own: bool
    """The team's own, and not what every team has."""


class Quotas(_Value):
    team: str
    quotas: tuple[QuotaLine, ...]
