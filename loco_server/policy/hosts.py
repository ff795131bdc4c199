"""Which full host a route means, and what is tried when the default one is taken. Pure."""

from collections import Counter
from collections.abc import Sequence

from loco_server.units import UnitRoute
from loco_spec import limits, names
from loco_spec.errors import ConfigError, FieldFault
from loco_spec.kinds.service import Service


def full_host(host: str, domain: str) -> str:
    """A label stands under the platform's domain; a name with dots is a whole domain."""
    return host if "." in host else f"{host}.{domain}"


def is_reserved(host: str, domain: str) -> bool:
    """Whether a full host is the platform's: its domain itself, a reserved label under it, or below such a one."""
    if host == domain:
        return True
    below = host.removesuffix(f".{domain}")
    return below != host and names.is_reserved_host(below.rpartition(".")[2])


def refuse_reserved(found: Sequence[UnitRoute], *, domain: str) -> None:
    """Refuse routes at hosts that are the platform's. A spec names labels and whole domains; only here both are one.

    Raises:
        ConfigError: with a fault for each such route.
    """
    faults = [
        FieldFault(path=f"routes[{at}].host", message=f"{route.host} is reserved, or looks like a host that is")
        for at, route in enumerate(found)
        if is_reserved(route.host, domain)
    ]
    if faults:
        raise ConfigError(faults[0].message, hint="choose another host under [[routes]] in loco.toml", fields=faults)


def refuse_crowded(found: Sequence[UnitRoute]) -> None:
    """Refuse too many routes at one host. A spec's limit takes a label and the same host in full for two.

    Raises:
        ConfigError: with the first route that is one too many.
    """
    at_host: Counter[str] = Counter()
    for at, route in enumerate(found):
        at_host[route.host] += 1
        if at_host[route.host] > limits.ROUTES_PER_HOST:
            message = f"expected at most {limits.ROUTES_PER_HOST} [[routes]] at {route.host}; this is one more"
            fault = FieldFault(path=f"routes[{at}]", message=message)
            raise ConfigError(message, hint="take some of its [[routes]] out of loco.toml", fields=[fault])


def routes(spec: Service, *, domain: str, default_host: str) -> tuple[UnitRoute, ...]:
    """Give the app's routes with full hosts and port names; `default_host` stands where the spec names no host."""
    found = []
    for route in spec.routes:
        port = spec.routed_port(route)
        assert port is not None  # noqa: S101  the spec's own validation refused it
        found.append(
            UnitRoute(
                host=full_host(route.host or default_host, domain),
                path=route.path,
                port=port.name,
                strip_prefix=route.strip_prefix,
            )
        )
    return tuple(found)


def default_hosts(app: str, team: str) -> tuple[str, str]:
    """The labels to try for an app that names no host: its own name, then with the team's behind it."""
    second = f"{app}-{team}"[:63].strip("-")
    first = second if names.is_reserved_host(app) else app
    return first, second


def urls(found: Sequence[UnitRoute], *, edge_url: str) -> tuple[str, ...]:
    """Give the addresses that people open: scheme and port are the edge's."""
    scheme, _, authority = edge_url.partition("://")
    _, _, port = authority.partition(":")
    suffix = "" if not port or (scheme, port) in {("http", "80"), ("https", "443")} else f":{port}"
    return tuple(f"{scheme}://{route.host}{suffix}{route.path}" for route in found)
