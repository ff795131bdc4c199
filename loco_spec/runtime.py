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

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from loco_spec.tables import Table
from loco_spec.values import Cpu, Duration, Memory


def _absolute(text: str) -> str:
    if not text.startswith("/") or any(c in text for c in " \t\r\n#"):
        raise ValueError('expected a path such as "/healthz"')
    return text


UrlPath = Annotated[str, AfterValidator(_absolute)]


class Resources(Table):
    """What one replica may use at most."""

    cpu: Cpu = "250m"
    memory: Memory = "256Mi"


class Scale(Table):
    replicas: int | None = Field(default=None, ge=1, le=50)
    min: int | None = Field(default=None, ge=1, le=50)
    max: int | None = Field(default=None, ge=1, le=50)
    cpu: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.replicas is not None and (self.min is not None or self.max is not None):
            raise ValueError("expected either replicas, or min and max")
        if self.cpu is not None and self.max is None:
            raise ValueError("cpu is the target of autoscaling: max is missing")
        if self.max is not None and self.max < self.least:
            raise ValueError(f"max is {self.max}, below min {self.least}")
        return self

    @property
    def least(self) -> int:
        """How many replicas there are at the least, and at the start."""
        return self.replicas or self.min or 1


class Health(Table):
    """Healthy is an answer of 200-399 from outside the container, or an accepted TCP connection."""

    path: UrlPath | None = None
    interval: Duration = "10s"
    timeout: Duration = "2s"
    grace: Duration = "30s"
    failures: int = Field(default=3, ge=1, le=20)


class Security(Table):
    read_only: bool = False
    user: int | None = Field(default=None, ge=1, le=2**31 - 1)


class Deploy(Table):
    release_command: tuple[str, ...] | None = Field(default=None, min_length=1)
    release_timeout: Duration = "10m"
    timeout: Duration = "5m"
    drain: Duration = "20s"


class Metrics(Table):
    port: int = Field(ge=1, le=65535)
    path: UrlPath = "/metrics"
