"""What the records say of the whole installation, at the moment of a scrape: the same on every server."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class Figures:
    deployments: Mapping[str, int]
    """How many are in each state, of all apps that are there."""
    oldest: Mapping[str, float]
    """By state that is no end: for how many seconds the oldest one in it has been made."""
    leases: Mapping[str, int]
    """`held`: rollouts that a server has in hand; `waiting`: accepted ones; `expired`: those that nobody renews."""
    apps: int = 0
    suspended: int = 0
    teams: int = 0
    users: int = 0


@dataclass(frozen=True)
class AppFigures:
    id: str
    team: str
    name: str
    deployments: int
    """Made since the app was: its newest number."""
    live: int | None
    failed: int
    in_flight: int


@dataclass(frozen=True)
class InstanceFigures:
    team: str
    app: str
    name: str
    cpu_cores: float
    memory_bytes: int
    restarts: int | None = None


@dataclass(frozen=True)
class State:
    """What this process knows of what it stands on."""

    ready: bool
    faults: frozenset[str] = field(default=frozenset())
    """`records`, `engine`, …: what is wrong."""


def installation(figures: Figures | None, state: State) -> bytes:
    """Word them for Prometheus; without figures the records did not answer."""
    return _worded([*_process(state), *(_records(figures) if figures is not None else ())])


def of_apps(apps: Iterable[AppFigures], instances: Sequence[InstanceFigures]) -> bytes:
    """Word them for Prometheus, with the names of team and app on each."""
    return _worded([*_apps(apps), *_instances(instances)])


class _Once(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _worded(metrics: Sequence[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(metrics))
    return generate_latest(registry)


def _process(state: State) -> Iterator[Metric]:
    yield GaugeMetricFamily("loco_ready", "Whether requests may be sent to this process.", value=state.ready)
    for name, about in (
        ("engine", "Whether the container engine answers this process."),
        ("records", "Whether the database answers this process, with the schema that it needs."),
    ):
        yield GaugeMetricFamily(f"loco_{name}_up", about, value=name not in state.faults)


def _records(figures: Figures) -> Iterator[Metric]:
    of_all = "of the whole installation, from its records"
    yield _by("loco_deployments", f"Deployments by state, {of_all}.", "state", figures.deployments)
    yield _by(
        "loco_deployment_oldest_seconds",
        f"The age of the oldest deployment on its way, by state, {of_all}.",
        "state",
        figures.oldest,
    )
    yield _by(
        "loco_leases",
        f"Rollouts held by a server, waiting for one, and expired: held by one that has gone, {of_all}.",
        "state",
        figures.leases,
    )
    yield GaugeMetricFamily("loco_apps", f"Apps {of_all}.", value=figures.apps)
    yield GaugeMetricFamily("loco_apps_suspended", f"Apps that are suspended themselves, {of_all}.", figures.suspended)
    yield GaugeMetricFamily("loco_teams", f"Teams {of_all}.", value=figures.teams)
    yield GaugeMetricFamily("loco_users", f"Users {of_all}.", value=figures.users)


def _by(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    found = GaugeMetricFamily(name, about, labels=[label])
    for key, value in sorted(values.items()):
        found.add_metric([key], value)
    return found


def _apps(apps: Iterable[AppFigures]) -> Iterator[Metric]:
    labels = ["team", "app"]
    made = CounterMetricFamily("loco_app_deployments", "Deployments of the app, of all servers.", labels=labels)
    failed = GaugeMetricFamily("loco_app_deployments_failed", "Those of them that failed.", labels=labels)
    ahead = GaugeMetricFamily("loco_app_deployments_in_flight", "Those of them on their way.", labels=labels)
    live = GaugeMetricFamily("loco_app_live_deployment", "The number of the one that serves.", labels=labels)
    for app in apps:
        key = [app.team, app.name]
        made.add_metric(key, app.deployments)
        failed.add_metric(key, app.failed)
        ahead.add_metric(key, app.in_flight)
        if app.live is not None:
            live.add_metric(key, app.live)
    yield from (made, failed, ahead, live)


def _instances(instances: Sequence[InstanceFigures]) -> Iterator[Metric]:
    labels = ["team", "app", "instance_name"]
    cpu = GaugeMetricFamily("loco_app_cpu_cores", "Processors that the instance takes.", labels=labels)
    memory = GaugeMetricFamily("loco_app_memory_bytes", "Memory that the instance takes.", labels=labels)
    restarts = GaugeMetricFamily(
        "loco_app_restarts", "How often the instance was started again, since the server's start.", labels=labels
    )
    for each in instances:
        key = [each.team, each.app, each.name]
        cpu.add_metric(key, each.cpu_cores)
        memory.add_metric(key, each.memory_bytes)
        if each.restarts is not None:
            restarts.add_metric(key, each.restarts)
    yield from (cpu, memory, restarts)
