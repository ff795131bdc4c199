"""What is streamed: the events of a deployment, and log lines. Sent as SSE; its id is the number or the position."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ENDED = frozenset({"live", "replaced", "failed", "cancelled", "expired", "superseded"})
"""States in which a deployment's own work is over."""
NEVER_SERVED = frozenset({"failed", "cancelled", "expired", "superseded"})

State = Literal[
    "created",
    "checking",
    "accepted",
    "releasing",
    "rolling",
    "live",
    "replaced",
    "failed",
    "cancelled",
    "expired",
    "superseded",
]


class _Record(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True)  # unknown fields are ignored: the wire only grows


class DeploymentEvent(_Record):
    """One line of a deployment's history. Numbered 1, 2, 3 … within the deployment."""

    number: int
    at: datetime
    kind: str
    """`state` (detail.state), `step` (one line of progress), `diagnosis` (detail is a Diagnosis), `note`."""
    message: str
    detail: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of an app's. No model: a server makes, and a client reads, a hundred thousand of them a second."""

    instance: str
    """The short name of the container or pod: `v12-1`."""
    deployment: int
    at: str
    """RFC 3339 in UTC with nanoseconds, as the engine gave it."""
    text: str
    stream: Literal["stdout", "stderr"] = "stdout"


class StreamFault(_Record):
    """The last message of a stream that ends in an error: its headers were sent long before."""

    problem: dict[str, Any]


class LogBatch(_Record):
    """Some lines, in order of time, and the position after them: what a client sends back to resume."""

    position: str
    lines: tuple[LogLine, ...] = ()
    note: str | None = None
    """Said by loco, not by the app: `not kept since …`, `lines between t1 and t2 may be missing`."""
