"""The engine-neutral Unit. Kinds become Units (`workloads/`), engines render Units (`engines/`)."""

from dataclasses import dataclass, field

from loco_spec.routes import Protocol


@dataclass(frozen=True)
class UnitPort:
    name: str
    port: int
    protocol: Protocol


@dataclass(frozen=True)
class Probe:
    """Asked from outside the container. Times in seconds."""

    port: int
    path: str | None
    """None: an accepted TCP connection is enough."""
    interval: float
    timeout: float
    grace: float
    """How long a new instance may take until its first healthy answer."""
    failures: int


@dataclass(frozen=True)
class UnitRoute:
    host: str
    """Full: `shop.localhost`, `shop.example.com`."""
    path: str
    """Whole segments: `/api` matches `/api` and `/api/x`, never `/apix`."""
    port: str
    strip_prefix: bool


@dataclass(frozen=True)
class Autoscale:
    """Between `Unit.replicas` and so many, by the processor. An engine that cannot scale keeps to `Unit.replicas`."""

    most: int
    cpu_percent: int


@dataclass(frozen=True)
class UnitMetrics:
    port: int
    path: str


@dataclass(frozen=True)
class Unit:
    """One set of equal containers."""

    name: str
    image: str
    """By digest: `127.0.0.1:7050/acme/shop-abcdefghij@sha256:…`."""
    command: tuple[str, ...] | None
    env: tuple[tuple[str, str], ...] = field(repr=False)
    """Secrets among it: a Unit that is shown, in a log or a trace, is shown without."""
    ports: tuple[UnitPort, ...]
    routes: tuple[UnitRoute, ...]
    replicas: int
    cpu_millis: int
    memory_bytes: int
    probe: Probe
    user: int | None
    """None: the image's own, which the gate has seen to be numeric and not root."""
    group: int | None
    """None: the one that the image's /etc/passwd gives the user. Never without a user."""
    read_only: bool
    drain_seconds: float
    autoscale: Autoscale | None = None
    metrics: UnitMetrics | None = None

    @property
    def most(self) -> int:
        """How many containers there can be, once all is rolled out."""
        return self.replicas if self.autoscale is None else max(self.replicas, self.autoscale.most)
