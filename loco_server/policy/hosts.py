"""Which full host a route means, and what is tried when the default one is taken. Pure."""

from collections.abc import Sequence

from loco_server.units import UnitRoute
from loco_spec import names
from loco_spec.kinds.service import Service


def full_host(host: str, domain: str) -> str:
    """A label stands under the platform's domain; a name with dots is a whole domain."""
    return host if "." in host else f"{host}.{domain}"


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
