"""Results that are the CLI's own; the others are the API's."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from loco_spec import again, api
from loco_spec.errors import Diagnosis, FieldFault
from loco_spec.events import DeploymentEvent, LogLine
from loco_spec.variables import VariablePurged, VariablesChanged


class _Result(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True)


class LoggedIn(_Result):
    server: str
    me: api.Me
    kept_in: str


class LoggedOut(_Result):
    server: str


class TeamChanged(_Result):
    change: str
    """created, joined, role, removed, left or deleted."""
    team: str
    user: str | None = None
    role: str | None = None


class Revoked(_Result):
    kind: str
    """invitation, access token or session."""
    id: str


class Versions(_Result):
    client: str
    server: str | None
    url: str


class Opened(_Result):
    url: str


class Forwarded(_Result):
    address: str
    """Where is listened: `127.0.0.1:15432`."""
    instance: str
    port: int
    ports: tuple[str, ...]
    """That the app declares: `8080 (http)`."""


class Diagnosed(_Result):
    """A deployment, and what is wrong with it although it serves."""

    deployment: api.Deployment
    told: tuple[Diagnosis, ...] = ()


FindingState = Literal["ok", "note", "wrong", "unknown"]


class Finding(_Result):
    """What a check of `loco doctor` found. `wrong`: a deploy fails, or nobody finds the app. `unknown`: no look."""

    name: str
    state: FindingState
    message: str
    fix: str = ""
    """The next command, or the next thing to do."""
    detail: tuple[str, ...] = ()
    """What was seen, for programs."""


class Examined(_Result):
    """What `loco doctor` found, and the deployment that there is something to tell of."""

    checks: tuple[Finding, ...]
    deployment: api.Deployment | None = None
    told: tuple[Diagnosis, ...] = ()


class Bundled(_Result):
    file: str
    contents: tuple[str, ...]
    left_out: tuple[str, ...]


class Deployed(_Result):
    deployment: api.Deployment
    unchanged: bool
    seconds: float


class DeploymentHistory(_Result):
    deployment: api.DeploymentShown
    events: tuple[DeploymentEvent, ...]


class ReleaseLog(_Result):
    team: str
    app: str
    deployment: int
    lines: tuple[LogLine, ...]
    notes: tuple[str, ...] = ()


class RolledBack(_Result):
    rollback: again.Rollback
    deployment: api.Deployment | None = None
    """As it ended, or as it was when nobody waited any more; None: nothing changed."""
    undo: str | None = None
    """The command."""
    seconds: float


class ScaleDone(_Result):
    scaled: again.Scaled
    deployment: api.Deployment
    seconds: float


class VariablesDone(_Result):
    change: VariablesChanged
    deployed: Deployed | None = None
    purged: tuple[VariablePurged, ...] = ()


class Validated(_Result):
    file: str | None
    app: str
    valid: bool = True
    warnings: tuple[FieldFault, ...] = ()


class Setting(_Result):
    key: str
    """Dotted: `health.interval`, `ports[0].port`."""
    value: Any
    source: str


class Effective(_Result):
    server: Setting
    settings: tuple[Setting, ...]


class Page(_Result):
    topic: str
    text: str
    topics: tuple[str, ...]


class Started(_Result):
    written: tuple[str, ...]
    text: str
    notes: tuple[str, ...] = ()
    next: str
    """What to do, or to type."""


class SentFile(_Result):
    path: str
    kind: str
    """file, folder or link."""
    size: int
    """Bytes; 0 for what is no file."""


class SentFiles(_Result):
    """The build context: what `loco deploy` would send to the builder."""

    files: list[SentFile]
    total: int


class CompletionScript(_Result):
    shell: str
    text: str


class CompletionChanged(_Result):
    shell: str
    change: str
    """installed or uninstalled."""
    script: str
    changed: tuple[str, ...]
    """The files that were written or removed; none: it was so already."""
