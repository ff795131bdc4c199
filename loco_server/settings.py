"""What the operator decides, by flags and environment variables, as one frozen value.

Nothing else of the server reads the environment, but for `LOCO_DEBUG`, which `main.py` looks at when something broke.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from loco_server.identity_settings import VARIABLES, IdentitySettings, identity_settings
from loco_server.kubernetes_settings import Kubernetes
from loco_server.lifecycle_settings import VARIABLES as LIFECYCLE
from loco_server.lifecycle_settings import LifecycleSettings, lifecycle_settings
from loco_server.reading import Reading
from loco_server.registry_settings import RegistrySettings
from loco_server.telemetry.settings import TelemetrySettings, telemetry_settings
from loco_spec import names
from loco_spec.quota import Quota, read


@dataclass(frozen=True)
class Ports:
    """All on loopback."""

    api: int = 7070
    edge: int = 7080
    registry: int = 7050


@dataclass(frozen=True)
class TokenTimes:
    """Seconds. Docker renews by what is advertised (less than 60 is 60 to it); the gateway honours a little longer."""

    advertised: int = 240
    honoured: int = 300


@dataclass(frozen=True)
class Limits:
    team: Quota = field(default_factory=Quota)
    """Where the operator says nothing else for it."""
    uncompressed_bytes: int = 10_000_000_000
    """Unpacked, as an engine stores it. Told to clients, which refuse more before they push."""
    free_space_bytes: int = 1 << 30
    """Below it no new deployment is taken."""
    ticket_seconds: int = 3600
    """How long a build may take, and a push between two tokens, before the deployment expires."""
    teams_per_person: int = 20
    """That one owns; what is limited by team would not be limited otherwise."""
    tokens_per_team: int = 100
    """Access tokens that are good."""
    invitations_per_team: int = 100
    """Open ones."""
    requests_per_token: int = 600
    """A minute; 0: any number."""
    requests_per_address: int = 1200
    """A minute, before it is known who asks; 0: any number."""


@dataclass(frozen=True)
class Public:
    """A machine that the world reaches: apps, API and registry under one domain, over TLS."""

    certificate: Path
    """PEM, with what it is signed by; good for `<domain>`'s `api`, `registry` and `*`."""
    key: Path
    address: str = "0.0.0.0"  # noqa: S104  the world is to reach it
    https_port: int = 443
    http_port: int = 80
    """Everything there is sent on to HTTPS."""


@dataclass(frozen=True)
class Cluster:
    """What a server in a cluster has, beside others like it. The world comes by the cluster's Gateway, over TLS."""

    registry_host: str
    """How nodes and clients name images: `registry.<domain>`."""
    keys_dir: Path
    """The server's own keys, the same for each of them. They are only read."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Who comes from there is believed about whom they ask for (`X-Forwarded-For`)."""


@dataclass(frozen=True)
class Settings:
    data_dir: Path
    ports: Ports = field(default_factory=Ports)
    domain: str = "localhost"
    subnets: IPv4Network = IPv4Network("10.213.0.0/16")  # noqa: RUF009  a frozen value
    """`LOCO_SUBNETS`: one /24 of it for each team's network on the Docker engine."""
    tokens: TokenTimes = field(default_factory=TokenTimes)
    limits: Limits = field(default_factory=Limits)
    engine: str = "docker"
    engine_url: str = "unix:///var/run/docker.sock"
    """`DOCKER_HOST`: the socket of this machine's engine."""
    kubernetes: Kubernetes = field(default_factory=Kubernetes)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    scanner: str = "none"
    base_images: Path | None = None
    """`LOCO_BASE_IMAGES`: a file with the base images that are allowed. None: any."""
    secret_keys: Path | None = None
    """`LOCO_SECRET_KEYS_FILE`: the keys of variables, where the operator keeps them. None: in the data folder."""
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    lifecycle: LifecycleSettings = field(default_factory=LifecycleSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    address: str = "127.0.0.1"
    public: Public | None = None
    """None: everything is on loopback, or in a cluster."""
    cluster: Cluster | None = None
    """None: everything is on one machine."""
    database: str | None = field(default=None, repr=False)
    """`LOCO_DATABASE_URL`, for SQLAlchemy; None: SQLite in the data folder."""

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{self.data_dir}/loco.db"

    @property
    def keys_dir(self) -> Path:
        """The server's own keys; 0700, each file 0600."""
        return self.data_dir / "keys" if self.cluster is None else self.cluster.keys_dir

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def run_dir(self) -> Path:
        """Sockets and pid files; 0700."""
        return self.data_dir / "run"

    @property
    def login_dir(self) -> Path:
        """Proofs of local sign-ins that are under way."""
        return self.run_dir / "login"

    @property
    def internal_socket(self) -> Path:
        """Where Envoy asks the authorisation question; 0600."""
        return self.run_dir / "server.sock"

    @property
    def admin_socket(self) -> Path:
        """Where the operator's commands find the running server; 0600."""
        return self.run_dir / "admin.sock"

    @property
    def api_socket(self) -> Path:
        """Where Envoy finds the API of a public machine; 0600."""
        return self.run_dir / "api.sock"

    @property
    def envoy_socket(self) -> Path:
        """Envoy's admin interface."""
        return self.run_dir / "envoy.sock"

    @property
    def registry_socket(self) -> Path:
        return self.run_dir / "registry.sock"

    @property
    def api_url(self) -> str:
        return f"http://{self.address}:{self.ports.api}"

    @property
    def edge_url(self) -> str:
        return f"http://{self.address}:{self.ports.edge}" if self._https_port is None else self._world_url("")

    @property
    def apps_url(self) -> str:
        """Where apps answer, for people."""
        return self.edge_url if self._https_port is None else self._world_url("*.")

    @property
    def registry_host(self) -> str:
        """As whatever runs the containers dials it and as the names of images carry it."""
        return f"{self.address}:{self.ports.registry}" if self.cluster is None else self.cluster.registry_host

    @property
    def push_host(self) -> str:
        """Where everybody's container engine pushes to."""
        return self.registry_host if self.public is None else self._at_public("registry.")

    @property
    def public_api_url(self) -> str:
        """Where clients find the API."""
        return self.api_url if self._https_port is None else self._world_url("api.")

    @property
    def _https_port(self) -> int | None:
        """Where the world is served; None: it is not."""
        if self.public is not None:
            return self.public.https_port
        return None if self.cluster is None else 443

    def _world_url(self, label: str) -> str:
        return f"https://{self._at_public(label)}"

    def _at_public(self, label: str) -> str:
        port = self._https_port
        return f"{label}{self.domain}" + ("" if port in {None, 443} else f":{port}")


def default_data_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Give `$LOCO_DATA_DIR`, else `loco` under the XDG data folder."""
    if environment.get("LOCO_DATA_DIR"):
        return Path(environment["LOCO_DATA_DIR"])
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "loco"


def local_settings(
    data_dir: Path,
    ports: Ports,
    environment: Mapping[str, str] = os.environ,
    *,
    domain: str = Settings.domain,
    public: Public | None = None,
    database: str | None = None,
) -> Settings:
    """Give the settings of the embedded default; with `public` those of one machine that the world reaches.

    Raises:
        ValueError: variables do not have the form they need; the message names each.
    """
    reading, level = Reading(), "warning" if public is None else "info"
    found = Settings(
        data_dir=data_dir,
        ports=ports,
        domain=domain,
        public=public,
        database=database,
        subnets=reading.take(lambda: _subnets(environment), Settings.subnets),
        engine_url=reading.take(lambda: _engine_url(environment), Settings.engine_url),
        telemetry=reading.take(lambda: telemetry_settings(environment, level=level), TelemetrySettings()),
        **everywhere(environment, reading),
    )
    reading.refuse()
    return found


def everywhere(environment: Mapping[str, str], reading: Reading, *, others: int = 0o077) -> dict[str, Any]:
    """Give those fields of `Settings` that are the same on one machine and in a cluster.

    `others`: the permission bits that a secret's file must not have.
    """
    _refuse_misspelt(environment, reading)
    bases = environment.get("LOCO_BASE_IMAGES")
    secret_keys = environment.get("LOCO_SECRET_KEYS_FILE")
    return {
        "limits": Limits(
            team=Quota(**_numbers(environment, reading, _TEAM)), **_numbers(environment, reading, _OTHERS)
        ),
        "identity": identity_settings(environment, reading, others=others),
        "lifecycle": reading.take(lambda: lifecycle_settings(environment), LifecycleSettings()),
        "base_images": Path(bases).expanduser().absolute() if bases else None,
        "secret_keys": Path(secret_keys).expanduser().absolute() if secret_keys else None,
    }


def domain_name(text: str) -> str:
    """Read the domain that apps are under.

    Raises:
        ValueError: it is none.
    """
    found = text.lower()
    if not names.is_host(found) or "." not in found:
        raise ValueError(f'"{text[:80]}" is no domain')
    return found


def _subnets(environment: Mapping[str, str]) -> IPv4Network:
    text = environment.get("LOCO_SUBNETS")
    try:
        return IPv4Network(text) if text else Settings.subnets
    except ValueError as e:
        raise ValueError(f"LOCO_SUBNETS is not an IPv4 network: {e}") from e


def _engine_url(environment: Mapping[str, str]) -> str:
    found = environment.get("DOCKER_HOST") or Settings.engine_url
    if not found.startswith("unix:///"):
        # The registry listens on this machine's loopback alone, and containers are dialled at their own addresses.
        raise ValueError(
            f"DOCKER_HOST is {found}, and loco-server needs the engine of its own machine: unix:///path/of.sock"
        )
    return found


_TEAM = {
    "LOCO_TEAM_APPS": "apps",
    "LOCO_TEAM_CPU": "cpu",
    "LOCO_TEAM_MEMORY": "memory",
    "LOCO_TEAM_REPLICAS": "replicas",
    "LOCO_TEAM_DEPLOYMENTS_PER_HOUR": "deployments_per_hour",
    "LOCO_IMAGE_LIMIT": "image",
    "LOCO_CONTEXT_LIMIT": "context",
}
_OTHERS = {
    "LOCO_IMAGE_UNCOMPRESSED_LIMIT": "uncompressed_bytes",
    "LOCO_FREE_SPACE_FLOOR": "free_space_bytes",
    "LOCO_TICKET_SECONDS": "ticket_seconds",
    "LOCO_RATE_PER_TOKEN": "requests_per_token",
    "LOCO_RATE_PER_ADDRESS": "requests_per_address",
}
_GUARDS = ("LOCO_ALLOWED_", "LOCO_SIGN_UP", "LOCO_TEAM_", "LOCO_RATE_", "LOCO_LIFECYCLE")
"""What such a variable lets in or holds back would be open by one wrong letter, and nobody would see it."""


def _refuse_misspelt(environment: Mapping[str, str], reading: Reading) -> None:
    known = {*_TEAM, *_OTHERS, *VARIABLES, *LIFECYCLE}
    there = ", ".join(sorted(each for each in known if each.startswith(_GUARDS)))
    reading.faults += [
        f"there is no {name}; there is: {there}"
        for name in sorted(environment)
        if name.startswith(_GUARDS) and name not in known
    ]


def _numbers(environment: Mapping[str, str], reading: Reading, fields: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for variable, name in fields.items():
        if variable in environment:
            try:
                found[name] = read(name, environment[variable])
            except ValueError as e:
                reading.faults.append(f"{variable} is {environment[variable]!r}: {e}")
    return found
