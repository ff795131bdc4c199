"""Envoy's configuration as values: what it starts with, and the clusters and routes it is given afterwards. Pure.

The bootstrap never changes while Envoy runs. Clusters (CDS) and routes (RDS) are two files in a watched directory.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loco_server.edge import public as of_public
from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRoute
from loco_server.edge.parts import ANY, IDLE, ROUTER, Document, cluster, listener, manager, pipe, reply, watched
from loco_server.edge.public import PublicLayout
from loco_server.edge.upstream import RegistryUpstream, upstream_cluster, upstream_routes

CLUSTERS_FILE = "clusters.json"
ROUTES_FILE = "routes.json"
ROUTES_NAME = "apps"
AUTHORIZE_PATH = "/gateway/authorize"
"""Before the path of the request that the server is asked about."""
AUTHORIZE_PUBLIC_PATH = "/gateway/public/authorize"
"""The same, for what came over TLS: it is told another place to buy tokens at."""
# No healthy, no reachable, no free upstream, none at all; not a route that says 503 itself (an app's notice).
_ITS_OWN = ("UH", "UF", "UO", "UC", "UR", "LR", "NC", "URX")
_PLAIN_TEXT = {"response_headers_to_add": [{"header": {"key": "content-type", "value": "text/plain"}}]}


@dataclass(frozen=True)
class Layout:
    """Where Envoy listens and whom it dials. Sockets are paths of at most 107 bytes."""

    address: str
    edge_port: int
    registry_port: int
    admin_socket: Path
    server_socket: Path
    registry_socket: Path
    watched: Path
    """The directory of `clusters.json` and `routes.json`."""
    public: PublicLayout | None = None
    """None: the edge is on loopback, without TLS."""
    registry_upstream: RegistryUpstream | None = None
    """Somebody else's registry; None: our own, at `registry_socket`."""


def bootstrap(layout: Layout) -> Document:
    """Give what Envoy is started with: the edge of the apps, the registry gateway, the admin interface."""
    public = layout.public
    edge = [listener("edge", layout.address, layout.edge_port, _edge_manager(layout))]
    own = [
        cluster("loco-server", [pipe(layout.server_socket)], http2=False),
        cluster("loco-registry", [pipe(layout.registry_socket)], http2=False)
        if layout.registry_upstream is None
        else upstream_cluster(layout.registry_upstream),
    ]
    if public is not None:
        registry = _registry_manager(layout, AUTHORIZE_PUBLIC_PATH)
        edge = of_public.listeners(public, edge=_edge_manager(layout), registry=registry)
        own.append(cluster("loco-api", [pipe(public.api_socket)], http2=False))
    return {
        "node": {"id": "loco", "cluster": "loco"},
        "admin": {"address": {"pipe": {"path": str(layout.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {"cds_config": watched(layout.watched, CLUSTERS_FILE)},
        "static_resources": {
            "listeners": [
                *edge,
                listener("registry", layout.address, layout.registry_port, _registry_manager(layout, AUTHORIZE_PATH)),
            ],
            "clusters": own,
        },
    }


def clusters(apps: Iterable[EdgeApp], version: str) -> Document:
    """Give the CDS file."""
    return {
        "version_info": version,
        "resources": [
            {"@type": ANY + "envoy.config.cluster.v3.Cluster"} | _app_cluster(each)
            for app in apps
            for each in app.clusters
        ],
    }


def routes(apps: Iterable[EdgeApp], version: str) -> Document:
    """Give the RDS file: one virtual host per host, whichever apps have routes there, the longest path first."""
    by_host: dict[str, list[tuple[EdgeRoute, str]]] = {}
    for app in apps:
        for route in app.routes:
            by_host.setdefault(route.host.lower(), []).append((route, app.notice))
    return {
        "version_info": version,
        "resources": [
            {
                "@type": ANY + "envoy.config.route.v3.RouteConfiguration",
                "name": ROUTES_NAME,
                "ignore_port_in_host_matching": True,
                "request_headers_to_add": [
                    {
                        "header": {"key": "x-forwarded-host", "value": "%REQ(:authority)%"},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
                "virtual_hosts": [
                    *(_virtual_host(host, found) for host, found in sorted(by_host.items())),
                    _nobody("no app answers at this host\n"),
                ],
            }
        ],
    }


def _edge_manager(layout: Layout) -> Document:
    return manager(
        "edge",
        upgrades=True,
        filters=[ROUTER],
        routing={"rds": {"route_config_name": ROUTES_NAME, "config_source": watched(layout.watched, ROUTES_FILE)}},
    ) | {
        "append_x_forwarded_port": True,
        "local_reply_config": {
            "mappers": [reply(503, "the app has no instance that answers\n", content_type="text/plain", flags=_ITS_OWN)]
        },
    }


def _registry_manager(layout: Layout, authorize_path: str) -> Document:
    unavailable = '{"errors":[{"code":"UNAVAILABLE","message":"the registry takes no requests now; try again"}]}\n'
    way = {"cluster": "loco-registry", "timeout": "0s", "idle_timeout": IDLE}
    reads = {"prefix": "/v2", "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]}
    # A pull outlives the second in which the registry starts anew. Pushes are not held back for it: they stream.
    # `reset`: the registry is killed, and Envoy, which has not heard of it yet, asks over a connection that is over.
    patience = {
        "retry_on": "connect-failure,refused-stream,reset",
        "num_retries": 16,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
    }
    found: list[Document] = [
        {"match": reads, "route": way | {"retry_policy": patience}},
        {"match": {"prefix": "/v2"}, "route": way},
    ]
    if layout.registry_upstream is not None:
        found = upstream_routes(layout.registry_upstream, found)
    return manager(
        "registry",
        upgrades=False,
        filters=[_authorization(authorize_path), ROUTER],
        routing={
            "route_config": {
                "name": "registry",
                "virtual_hosts": [{"name": "registry", "domains": ["*"], "routes": found}],
            }
        },
    ) | {"local_reply_config": {"mappers": [reply(503, unavailable, content_type="application/json")]}}


def _authorization(path: str) -> Document:
    """Ask the server about every request, by method, path, query and the `Authorization` header alone.

    No answer, and an answer of 5xx, refuse the request with 503.
    """
    names = ("www-authenticate", "content-type", "docker-distribution-api-version", "retry-after")
    return {
        "name": "authorization",
        "typed_config": {
            "@type": ANY + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "http_service": {
                "server_uri": {"uri": "http://loco-server", "cluster": "loco-server", "timeout": "5s"},
                "path_prefix": path,
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                    "allowed_client_headers": {"patterns": [{"exact": name} for name in names]},
                },
            },
        },
    }


def _virtual_host(host: str, found: list[tuple[EdgeRoute, str]]) -> Document:
    ordered = sorted(found, key=lambda each: (-len(each[0].path), each[0].path, each[0].cluster))
    return {"name": host, "domains": [host], "routes": [_route(*each) for each in ordered]}


def _route(route: EdgeRoute, notice: str) -> Document:
    whole = route.path == "/"
    match = {"prefix": "/"} if whole else {"path_separated_prefix": route.path}
    if notice:
        return {"match": match, "direct_response": {"status": 503, "body": {"inline_string": notice}}} | _PLAIN_TEXT
    action: Document = {
        "cluster": route.cluster,
        "timeout": "0s",
        "idle_timeout": IDLE,
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 3,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            "host_selection_retry_max_attempts": "3",
            "retry_host_predicate": [
                {
                    "name": "previous-hosts",
                    "typed_config": {
                        "@type": ANY + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
        },
    }
    if route.strip_prefix and not whole:
        # A plain prefix_rewrite to "/" would make "//x" of "/api/x"; this one makes "/x", and "/" of "/api".
        pattern = f"^{re.escape(route.path)}/?"
        action["regex_rewrite"] = {"pattern": {"regex": pattern}, "substitution": "/"}
    return {"match": match, "route": action}


def _nobody(text: str) -> Document:
    answer = {"status": 404, "body": {"inline_string": text}}
    return {
        "name": "*",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
        **_PLAIN_TEXT,
    }


def _app_cluster(found: EdgeCluster) -> Document:
    return cluster(
        found.name,
        [{"socket_address": {"address": address, "port_value": port}} for address, port in found.endpoints],
        http2=found.protocol in {"h2c", "grpc"},
    )
