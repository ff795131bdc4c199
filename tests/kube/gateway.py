"""A gateway for tests: a real Envoy, led by the cluster's HTTPRoutes and EndpointSlices as a controller would lead it.

It stands for Envoy Gateway in what loco itself must do right: hosts, paths, ports, and endpoints that come and go. It
writes the routes' conditions as the Gateway API asks of a controller.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRoute
from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.api import KubernetesApi, Object
from loco_server.engines.kubernetes.kinds import Kind
from loco_spec.routes import Protocol
from tests.loco_server.edge.real import RealEdge

SLICE = Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices")
CONTROLLER = "loco.test/gateway"
EVERY = 0.1
"""Seconds between two looks at the cluster."""


class Gateway:
    def __init__(self, api: KubernetesApi, edge: RealEdge, installation: str) -> None:
        """`api`: with an administrator's rights."""
        self._api = api
        self._edge = edge
        self._labels = {"loco/installation": installation}
        self.refuses: str | None = None
        """Why no route is accepted, when none is."""

    async def run(self) -> None:
        """Lead the traffic until cancelled."""
        known: dict[str, EdgeApp] = {}
        while True:
            (routes, _), (services, _), (slices, _) = await asyncio.gather(
                *(self._api.list(kind, labels=self._labels) for kind in (kinds.HTTP_ROUTE, kinds.SERVICE, SLICE))
            )
            wanted = apps(routes, services, slices)
            for namespace, app in wanted.items():
                if known.get(namespace) != app:
                    await self._edge.files.publish(app)
            for namespace in known.keys() - wanted.keys():
                await self._edge.files.retire(namespace)
            known = wanted
            for route in routes:
                await self._accept(route)
            await asyncio.sleep(EVERY)

    async def _accept(self, route: Object) -> None:
        generation = route["metadata"]["generation"]
        status, reason = ("True", "Accepted") if self.refuses is None else ("False", self.refuses)
        parents = (route.get("status") or {}).get("parents") or []
        for condition in (each for parent in parents for each in parent["conditions"]):
            if (condition["observedGeneration"], condition["status"]) == (generation, status):
                return
        conditions = [
            {
                "type": kind,
                "status": status if kind == "Accepted" else "True",
                "reason": reason if kind == "Accepted" else "ResolvedRefs",
                "message": "said by the gateway of tests",
                "observedGeneration": generation,
                "lastTransitionTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {
            "parentRef": route["spec"]["parentRefs"][0],
            "controllerName": CONTROLLER,
            "conditions": conditions,
        }
        meta = route["metadata"]
        path = f"{kinds.HTTP_ROUTE.path(meta['namespace'], meta['name'])}/status"
        await self._api._json(
            "PATCH", path, None, {"status": {"parents": [parent]}}, content="application/merge-patch+json"
        )


def apps(routes: Sequence[Object], services: Sequence[Object], slices: Sequence[Object]) -> dict[str, EdgeApp]:
    """Give what Envoy is to serve, by namespace."""
    found = {}
    for namespace in {route["metadata"]["namespace"] for route in routes}:
        ports = {
            (service["metadata"]["name"], port["port"]): port
            for service in services
            if service["metadata"]["namespace"] == namespace
            for port in service["spec"]["ports"]
        }
        near = [each for each in slices if each["metadata"]["namespace"] == namespace]
        clusters: dict[str, EdgeCluster] = {}
        led: list[EdgeRoute] = []
        for route in (each for each in routes if each["metadata"]["namespace"] == namespace):
            for rule in route["spec"]["rules"]:
                (backend,) = rule["backendRefs"]
                port = ports.get((backend["name"], backend["port"]))
                if port is None:
                    continue
                name = f"{namespace}-{port['name']}"
                clusters[name] = EdgeCluster(name, _protocol(port), _endpoints(near, port["name"]))
                path = rule["matches"][0]["path"]["value"]
                led += [EdgeRoute(host, path, bool(rule.get("filters")), name) for host in route["spec"]["hostnames"]]
        found[namespace] = EdgeApp(namespace, tuple(clusters.values()), tuple(led))
    return found


def _protocol(port: Mapping[str, Any]) -> Protocol:
    return "h2c" if port.get("appProtocol") == "kubernetes.io/h2c" else "http"


def _endpoints(slices: Sequence[Object], port: str) -> tuple[tuple[str, int], ...]:
    """Those that are ready; while there are none, those that still serve on their way out."""
    listed = [
        (endpoint, each["port"])
        for found in slices
        for each in found.get("ports") or []
        for endpoint in found.get("endpoints") or []
        if each.get("name") == port
    ]
    for wanted in ("ready", "serving"):
        named = [
            (address, number)
            for endpoint, number in listed
            if endpoint["conditions"].get(wanted)
            for address in endpoint["addresses"]
        ]
        if named:
            return tuple(sorted(named))
    return ()
