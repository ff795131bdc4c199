"""Envoy's configuration as values: what it starts with, and the clusters and routes it is given afterwards. Pure.

The bootstrap never changes while Envoy runs. Clusters (CDS) and routes (RDS) are two files in a watched directory.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRoute

Document = dict[str, Any]

CLUSTERS_FILE = "clusters.json"
ROUTES_FILE = "routes.json"
ROUTES_NAME = "apps"
AUTHORIZE_PATH = "/gateway/authorize"
"""Before the path of the request that the server is asked about."""
RETRY_AFTER_SECONDS = 5

_ANY = "type.googleapis.com/"
_HCM = _ANY + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = {
    "name": "router",
    "typed_config": {
        "@type": _ANY + "envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    },
}
# Left empty, loopback counts as internal, and every caller of this edge comes from there.
_NOBODY_IS_INTERNAL = {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]}
_IDLE = "3600s"
# An upstream that closes an idle connection at the very moment a request is sent on it loses that request. Letting go
# first costs one connection over a local bridge; the shortest keep-alive of a common server is 2 s.
_UPSTREAM_IDLE = "1s"
_MANY = 100_000
# No healthy, no reachable, no free upstream, none at all; not a route that says 503 itself (an app's notice).
_ITS_OWN = ("UH", "UF", "UO", "UC", "UR", "LR", "NC", "URX")
_PLAIN_TEXT = {"response_headers_to_add": [{"header": {"key": "content-type", "value": "text/plain"}}]}
_FORGED = ("x-forwarded-", "x-envoy-")
_FORGED_WHOLE = ("forwarded", "x-real-ip", "x-client-ip", "true-client-ip")


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


def bootstrap(layout: Layout) -> Document:
    """Give what Envoy is started with: the edge of the apps, the registry gateway, the admin interface."""
    return {
        "node": {"id": "loco", "cluster": "loco"},
        "admin": {"address": {"pipe": {"path": str(layout.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {"cds_config": _watched(layout.watched, CLUSTERS_FILE)},
        "static_resources": {
            "listeners": [
                _listener("edge", layout.address, layout.edge_port, _edge_manager(layout)),
                _listener("registry", layout.address, layout.registry_port, _registry_manager()),
            ],
            "clusters": [
                _cluster("loco-server", [_pipe(layout.server_socket)], http2=False),
                _cluster("loco-registry", [_pipe(layout.registry_socket)], http2=False),
            ],
        },
    }


def clusters(apps: Iterable[EdgeApp], version: str) -> Document:
    """Give the CDS file."""
    return {
        "version_info": version,
        "resources": [
            {"@type": _ANY + "envoy.config.cluster.v3.Cluster"} | _app_cluster(cluster)
            for app in apps
            for cluster in app.clusters
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
                "@type": _ANY + "envoy.config.route.v3.RouteConfiguration",
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
    return _manager(
        "edge",
        upgrades=True,
        filters=[_ROUTER],
        routing={"rds": {"route_config_name": ROUTES_NAME, "config_source": _watched(layout.watched, ROUTES_FILE)}},
    ) | {
        "append_x_forwarded_port": True,
        "local_reply_config": {
            "mappers": [
                _reply(503, "the app has no instance that answers\n", content_type="text/plain", flags=_ITS_OWN)
            ]
        },
    }


def _registry_manager() -> Document:
    unavailable = '{"errors":[{"code":"UNAVAILABLE","message":"the registry takes no requests now; try again"}]}\n'
    way = {"cluster": "loco-registry", "timeout": "0s", "idle_timeout": _IDLE}
    reads = {"prefix": "/v2", "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]}
    # A pull outlives the second in which the registry starts anew. Pushes are not held back for it: they stream.
    patience = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 8,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
    }
    found = [{"match": reads, "route": way | {"retry_policy": patience}}, {"match": {"prefix": "/v2"}, "route": way}]
    return _manager(
        "registry",
        upgrades=False,
        filters=[_authorization(), _ROUTER],
        routing={
            "route_config": {
                "name": "registry",
                "virtual_hosts": [{"name": "registry", "domains": ["*"], "routes": found}],
            }
        },
    ) | {"local_reply_config": {"mappers": [_reply(503, unavailable, content_type="application/json")]}}


def _authorization() -> Document:
    """Ask the server about every request, by method, path, query and the `Authorization` header alone.

    No answer, and an answer of 5xx, refuse the request with 503.
    """
    names = ("www-authenticate", "content-type", "docker-distribution-api-version", "retry-after")
    return {
        "name": "authorization",
        "typed_config": {
            "@type": _ANY + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "http_service": {
                "server_uri": {"uri": "http://loco-server", "cluster": "loco-server", "timeout": "5s"},
                "path_prefix": AUTHORIZE_PATH,
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                    "allowed_client_headers": {"patterns": [{"exact": name} for name in names]},
                },
            },
        },
    }


def _manager(name: str, *, upgrades: bool, filters: list[Document], routing: Document) -> Document:
    return {
        "@type": _HCM,
        "stat_prefix": name,
        "codec_type": "AUTO",
        "use_remote_address": True,
        "xff_num_trusted_hops": 0,
        "internal_address_config": _NOBODY_IS_INTERNAL,
        "early_header_mutation_extensions": [_forged_headers_removed()],
        "normalize_path": True,
        "merge_slashes": True,
        # An app may mean something by %2F; to the registry it could only be a way around the decision.
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED" if upgrades else "REJECT_REQUEST",
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": _IDLE,
        "request_timeout": "0s",
        "request_headers_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": _IDLE, "headers_with_underscores_action": "ALLOW"},
        "http2_protocol_options": {"allow_connect": upgrades},
        "upgrade_configs": [{"upgrade_type": "websocket"}] if upgrades else [],
        "http_filters": filters,
        **routing,
    }


def _forged_headers_removed() -> Document:
    """What only a proxy may say is not taken from outside: each of these is set anew, or absent."""
    prefixes = [{"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}} for prefix in _FORGED]
    return {
        "name": "forged-headers",
        "typed_config": {
            "@type": _ANY + "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [*prefixes, *({"remove": name} for name in _FORGED_WHOLE)],
        },
    }


def _reply(status: int, body: str, *, content_type: str, flags: tuple[str, ...] = ()) -> Document:
    """Word an answer of Envoy's own; with `flags` only one that was given for such a reason."""
    code: Document = {
        "status_code_filter": {
            "comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": "loco.never"}}
        }
    }
    reason = {"response_flag_filter": {"flags": list(flags)}}
    return {
        "filter": {"and_filter": {"filters": [code, reason]}} if flags else code,
        "headers_to_add": [
            {
                "header": {"key": "retry-after", "value": str(RETRY_AFTER_SECONDS)},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        "body_format_override": {"text_format_source": {"inline_string": body}, "content_type": content_type},
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
        "idle_timeout": _IDLE,
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 3,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            "host_selection_retry_max_attempts": "3",
            "retry_host_predicate": [
                {
                    "name": "previous-hosts",
                    "typed_config": {
                        "@type": _ANY + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
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


def _app_cluster(cluster: EdgeCluster) -> Document:
    return _cluster(
        cluster.name,
        [{"socket_address": {"address": address, "port_value": port}} for address, port in cluster.endpoints],
        http2=cluster.protocol in {"h2c", "grpc"},
    )


def _cluster(name: str, addresses: list[Document], *, http2: bool) -> Document:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": _MANY,
                    "max_pending_requests": _MANY,
                    "max_requests": _MANY,
                    "max_retries": _MANY,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _ANY + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": _UPSTREAM_IDLE},
                "explicit_http_config": {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {}},
            }
        },
    }


def _listener(name: str, address: str, port: int, manager: Document) -> Document:
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        # With port reuse a second Envoy on the same port would start without a word and take half of the connections.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }


def _pipe(path: Path) -> Document:
    return {"pipe": {"path": str(path)}}


def _watched(folder: Path, name: str) -> Document:
    source: Mapping[str, Any] = {"path": str(folder / name), "watched_directory": {"path": str(folder)}}
    return {"path_config_source": source, "resource_api_version": "V3"}
