"""What the records hand out: frozen values, never rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from loco_server.units import UnitRoute
from loco_spec.errors import Diagnosis
from loco_spec.kinds.service import Service
from loco_spec.values import cpu_millis, memory_bytes


@dataclass(frozen=True)
class UserRecord:
    id: str
    login: str
    suspended: str | None = None
    """The reason, where an operator has suspended the user."""


@dataclass(frozen=True)
class TeamRecord:
    id: str
    name: str
    suspended: str | None = None
    """The reason, where an operator has suspended the team."""


@dataclass(frozen=True)
class AppRecord:
    id: str
    team_id: str
    team: str
    name: str
    pull_generation: int
    created_at: datetime
    destroying: bool = False
    suspended: str | None = None
    """That it is suspended, with what (itself, its team, its owner) and why; None: it is not."""
    unused: bool = False
    """It is suspended because nobody used it: its team may take that back by any change."""
    source: str = "any"
    """From where it may be deployed: `any`, or `ci` (trusted jobs, and the users in `deployers`)."""
    deployers: tuple[str, ...] = ()
    """Ids of users."""


@dataclass(frozen=True)
class DeploymentRecord:
    app_id: str
    number: int
    state: str
    action: str
    spec: Service
    routes: tuple[UnitRoute, ...]
    digest: str | None
    user_id: int | None
    """The numeric user inside the container."""
    group_id: int | None
    release: bool
    """The release command is asked for even where image and command did not change."""
    force: bool
    """A rollout is wanted even where nothing changed."""
    released: bool
    """The release command has run to its end with exit code 0."""
    created_by: str
    created_at: datetime
    live_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    diagnosis: Diagnosis | None
    cancel_requested: bool
    owner: str | None
    attempt: int
    variables: Mapping[str, int] = field(default_factory=dict)
    """The version of each variable that it has."""
    creator_id: str | None = None
    """The user who made it; None: before the records knew, or the user is gone."""
    ticket_sha256: str | None = field(default=None, repr=False)
    ticket_expires_at: datetime | None = None
    base: int | None = None
    """The number that it was made from: what a rollback restores, what a redeploy or a scale rolls once more."""
    image_deleted: bool = False
    """Retention has taken its image away, or is about to."""
    state_at: datetime | None = None
    """Since when it is in its state."""


Wanted = str | Sequence[str]


@dataclass(frozen=True)
class TrustRuleRecord:
    id: str
    team_id: str
    app_id: str | None
    app: str | None
    issuer: str
    audience: str
    repository: str
    """Only what people call it."""
    claims: Mapping[str, Wanted]
    """What the job's token must say; of a list one will do, and `refs/tags/*` is every tag."""
    created_by: str
    """The user (id) as whom the job acts."""
    creator: str
    created_at: datetime


@dataclass(frozen=True)
class MemberRecord:
    user: UserRecord
    role: str
    personal: bool = False
    """The team is this person's own."""


@dataclass(frozen=True)
class Standing:
    """What a change in a team is judged by; read in the transaction that makes it."""

    team: TeamRecord
    actor: str | None
    """The role of who asks; None: not in the team any more."""
    subject: MemberRecord
    """Whom it is about."""
    owners: int
    personal: bool = False
    """The team is somebody's own."""


@dataclass(frozen=True)
class InvitationRecord:
    id: str
    team: TeamRecord | None
    role: str | None
    note: str | None
    invited_by: UserRecord | None
    """None: the operator."""
    created_at: datetime
    expires_at: datetime
    used: bool
    sha256: str = field(repr=False)
    inviter_role: str | None = None
    """What who gave it has in the team by now."""


@dataclass(frozen=True)
class Holding:
    """What a person has in one team; read before the person's account goes."""

    team: TeamRecord
    personal: bool
    owns: bool
    members: int
    owners: int
    apps: tuple[str, ...]


@dataclass(frozen=True)
class TeamUsage:
    """What a team has; read in the transaction that adds to it. One app stands apart: the one that is asked for."""

    overrides: Mapping[str, int]
    """What the operator allows the team beside the defaults."""
    apps: int
    has_app: bool
    own: Counter[str]
    """What that app has or is about to have: `cpu` (thousandths), `memory` (bytes), `replicas`."""
    others: Counter[str]
    """The same of all other apps."""
    hour: tuple[int, ...]
    """Of each deployment made within an hour the seconds until it is an hour old, the oldest first."""


def needs(spec: Service) -> Counter[str]:
    """Give what an app has with its most replicas: `cpu` (thousandths), `memory` (bytes), `replicas`."""
    resources, most = spec.resources, spec.scale.most
    return Counter(cpu=cpu_millis(resources.cpu) * most, memory=memory_bytes(resources.memory) * most, replicas=most)
