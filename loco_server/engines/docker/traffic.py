"""From instances to what the edge is told, and the switch from one deployment to the next."""

import asyncio
import time
from collections.abc import Iterable, Mapping

from loco_server.edge.base import Edge, EdgeApp, EdgeCluster, EdgeRoute
from loco_server.engines.base import Emit, Guard, Rollout

POLL_SECONDS = 0.1


def cluster_name(app_id: str, deployment: int, port: str) -> str:
    """`<app id>-v12-http`."""
    return f"{app_id}-v{deployment}-{port}"


def edge_app(rollout: Rollout, addresses: Iterable[str]) -> EdgeApp:
    """What the edge serves when only this deployment does: a cluster for each routed port, and the routes."""
    app_id, unit = rollout.app.app_id, rollout.unit
    routed = {route.port for route in unit.routes}
    endpoints = tuple(addresses)
    return EdgeApp(
        app_id=app_id,
        clusters=tuple(
            EdgeCluster(
                name=cluster_name(app_id, rollout.deployment, port.name),
                protocol=port.protocol,
                endpoints=tuple((address, port.port) for address in endpoints),
            )
            for port in unit.ports
            if port.name in routed
        ),
        routes=tuple(
            EdgeRoute(
                host=route.host,
                path=route.path,
                strip_prefix=route.strip_prefix,
                cluster=cluster_name(app_id, rollout.deployment, route.port),
            )
            for route in unit.routes
        ),
    )


def with_former(new: EdgeApp, former: EdgeApp | None) -> EdgeApp:
    """The new routes, and the former clusters too: requests that they are answering are not cut."""
    own = {cluster.name for cluster in new.clusters}
    old = () if former is None else tuple(cluster for cluster in former.clusters if cluster.name not in own)
    return EdgeApp(app_id=new.app_id, clusters=new.clusters + old, routes=new.routes)


async def switch(edge: Edge, new: EdgeApp, *, drain_seconds: float, emit: Emit, guard: Guard, version: str) -> None:
    """Lead the traffic to the new clusters, let the former finish what they answer, then forget them.

    Safe to call again at any point of itself.

    Raises:
        EdgeRejectedError: the edge refused. What it serves now may be the former or the new.
    """
    former = edge.published().get(new.app_id)
    if former == new or (former is None and not new.routes):
        return
    both = with_former(new, former)
    started = time.monotonic()
    if former != both:
        await guard()
        await edge.publish(both)
        await emit(f"traffic goes to {version} ({time.monotonic() - started:.1f} s)")
    old = both.clusters[len(new.clusters) :]
    if old:
        await _drained(edge, [cluster.name for cluster in old], drain_seconds, emit)
        await guard()
        await edge.publish(new)


async def _drained(edge: Edge, clusters: list[str], seconds: float, emit: Emit) -> None:
    started = time.monotonic()
    while True:
        active = sum([await edge.active_requests(cluster) for cluster in clusters])
        passed = time.monotonic() - started
        if not active:
            await emit(f"the previous deployment is drained ({passed:.1f} s)")
            return
        if passed >= seconds:
            await emit(f"the previous deployment still answers {active} requests after {passed:.1f} s: going on")
            return
        await asyncio.sleep(min(POLL_SECONDS, seconds - passed))


def serving(published: Mapping[str, EdgeApp], app_id: str) -> frozenset[str]:
    """Addresses that the edge sends an app's requests to."""
    app = published.get(app_id)
    if app is None:
        return frozenset()
    routed = {route.cluster for route in app.routes}
    return frozenset(address for cluster in app.clusters if cluster.name in routed for address, _ in cluster.endpoints)
