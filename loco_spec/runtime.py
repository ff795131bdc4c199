"""The tables that say how the app runs: [resources], [scale], [health], [security], [deploy], [metrics].

[resources]
cpu = "250m"
memory = "256Mi"

[scale]                          # replicas = 2, or:
min = 1
max = 3
cpu = 70                         # target utilisation, percent

[health]
path = "/healthz"                # leave out: a TCP connection to the first port
interval = "10s"
timeout = "2s"
grace = "30s"
failures = 3

[security]
read_only = false
user = 10001

[deploy]
release_command = ["python", "manage.py", "migrate"]
release_timeout = "10m"
timeout = "5m"
drain = "20s"

[metrics]
port = 9090
path = "/metrics"
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from loco_spec.tables import Flag, Table, Whole
from loco_spec.values import Cpu, Drain, Memory, Period


def _absolute(text: str) -> str:
    if not text.startswith("/") or any(c in text for c in " \t\r\n#"):
        raise ValueError('expected a path such as "/healthz"')
    return text


UrlPath = Annotated[str, AfterValidator(_absolute)]


class Resources(Table):
    """What one replica may use at most."""

    cpu: Cpu = "250m"
    """Thousandths of a processor, or "1.5"."""
    memory: Memory = "256Mi"
    """More is killed: out of memory."""


class Scale(Table):
    replicas: Whole | None = Field(default=None, ge=1, le=50)
    """How many there are. Instead of min and max."""
    min: Whole | None = Field(default=None, ge=1, le=50)
    """How many there are at the least. Default: 1."""
    max: Whole | None = Field(default=None, ge=1, le=50)
    """How many there are at the most."""
    cpu: Whole | None = Field(default=None, ge=1, le=100)
    """Target utilisation, percent."""

    @property
    def least(self) -> int:
        """How many replicas there are at the least, and at the start."""
        return self.replicas or self.min or 1

    @property
    def most(self) -> int:
        """How many there can be."""
        return self.replicas or self.max or self.least


class Health(Table):
    """Healthy is an answer of 200-399 from outside the container, or an accepted TCP connection."""

    path: UrlPath | None = None
    """Asked on the first port. Default: a TCP connection is enough."""
    interval: Period = "10s"
    """Between two checks."""
    timeout: Period = "2s"
    """Of one check."""
    grace: Period = "30s"
    """How long it may take to become healthy."""
    failures: Whole = Field(default=3, ge=1, le=20)
    """So many in a row make it unhealthy."""


class Security(Table):
    read_only: Flag = False
    """Whether the file system cannot be written."""
    user: Whole | None = Field(default=None, ge=1, le=2**31 - 1)
    """Run a root image as this user, without a rebuild. Default: the image's USER."""


class Deploy(Table):
    release_command: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Runs with the new image, before traffic; it must be re-runnable."""
    release_timeout: Period = "10m"
    """Of the release command."""
    timeout: Period = "5m"
    """Of the whole rollout."""
    drain: Drain = "20s"
    """What the old version may take to finish its requests. At most 10m."""


class Metrics(Table):
    port: Whole = Field(ge=1, le=65535)
    """Where they are told."""
    path: UrlPath = "/metrics"
    """Under which path."""
