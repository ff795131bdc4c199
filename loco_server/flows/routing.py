"""Which routes an app gets: what it asks for, if it may, and what it is given when it asks for nothing."""

from collections.abc import Sequence

from loco_server.policy import hosts
from loco_server.records.apps import Apps
from loco_server.records.values import AppRecord
from loco_server.units import UnitRoute
from loco_spec.errors import Conflict
from loco_spec.kinds.service import Service


async def routes(
    apps: Apps, app: AppRecord, spec: Service, *, domain: str
) -> tuple[tuple[UnitRoute, ...], tuple[str, ...]]:
    """Give the full routes, and what to tell the person about them.

    Raises:
        ConfigError: a host is the platform's, or has too many routes.
        Conflict: a route is somebody else's.
    """
    found, notes = await resolved(apps, app, spec, domain=domain)
    await refuse(apps, app, found, domain=domain)
    return found, notes


async def resolved(
    apps: Apps, app: AppRecord, spec: Service, *, domain: str
) -> tuple[tuple[UnitRoute, ...], tuple[str, ...]]:
    """Give the same of what is asked for, whether or not the app may have it."""
    first, second = hosts.default_hosts(app.name, app.team)
    host = first
    if any(route.host is None for route in spec.routes) and not await free(
        apps, app, hosts.full_host(first, domain), "/"
    ):
        host = second
    found = hosts.routes(spec, domain=domain, default_host=host)
    notes = (f'host "{app.name}" is taken, the app answers at {host}',) if host != app.name else ()
    return found, notes if any(route.host is None for route in spec.routes) else ()


async def refuse(apps: Apps, app: AppRecord, found: Sequence[UnitRoute], *, domain: str) -> None:
    """Refuse routes that the app may not have, as `routes` does."""
    hosts.refuse_reserved(found, domain=domain)
    hosts.refuse_crowded(found)
    for route in found:
        if not await free(apps, app, route.host, route.path):
            raise Conflict(
                f"{route.host}{route.path} belongs to another app",
                hint="choose another host or path under [[routes]] in loco.toml",
            )


async def free(apps: Apps, app: AppRecord, host: str, path: str) -> bool:
    team = await apps.host_owner(host)
    owner = await apps.route_owner(host, path)
    return team in {None, app.team_id} and owner in {None, app.id}
