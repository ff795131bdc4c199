"""kind = "service": containers that listen, behind routes."""

from collections.abc import Mapping, Sequence

from loco_server.units import Autoscale, Probe, Unit, UnitMetrics, UnitPort, UnitRoute
from loco_spec.kinds.service import Service
from loco_spec.values import DRAIN_MOST, cpu_millis, memory_bytes, seconds

DEFAULT_CPU_PERCENT = 80
"""Where `max` is above `min` and no `cpu` is said."""


def unit(
    spec: Service,
    *,
    image: str,
    user: int | None,
    group: int | None,
    routes: Sequence[UnitRoute],
    injected: Sequence[tuple[str, str]],
    variables: Mapping[str, str],
) -> Unit:
    """Make the one Unit of a service. What loco injects gives way to what the spec sets, and that to variables."""
    env = dict(injected) | spec.env | dict(variables)
    return Unit(
        name="web",
        image=image,
        command=spec.command,
        env=tuple(sorted(env.items())),
        ports=tuple(UnitPort(name=port.name, port=port.port, protocol=port.protocol) for port in spec.ports),
        routes=tuple(routes),
        replicas=spec.scale.least,
        cpu_millis=cpu_millis(spec.resources.cpu),
        memory_bytes=memory_bytes(spec.resources.memory),
        probe=Probe(
            port=spec.ports[0].port,
            path=spec.health.path,
            interval=seconds(spec.health.interval),
            timeout=seconds(spec.health.timeout),
            grace=seconds(spec.health.grace),
            failures=spec.health.failures,
        ),
        user=user,
        group=group,
        read_only=spec.security.read_only,
        drain_seconds=min(seconds(spec.deploy.drain), DRAIN_MOST),  # an old record may have more
        autoscale=_autoscale(spec),
        metrics=None if spec.metrics is None else UnitMetrics(port=spec.metrics.port, path=spec.metrics.path),
    )


def _autoscale(spec: Service) -> Autoscale | None:
    if spec.scale.most <= spec.scale.least:
        return None
    return Autoscale(most=spec.scale.most, cpu_percent=spec.scale.cpu or DEFAULT_CPU_PERCENT)
