"""What every part of Envoy's configuration is put together from. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]

RETRY_AFTER_SECONDS = 5
ANY = "type.googleapis.com/"
IDLE = "3600s"
_HCM = ANY + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = {
    "name": "router",
    "typed_config": {
        "@type": ANY + "envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    },
}
# Left empty, loopback counts as internal, and every caller of this edge comes from there.
_NOBODY_IS_INTERNAL = {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]}
# An upstream that closes an idle connection at the very moment a request is sent on it loses that request. Letting go
# first costs one connection over a local bridge; the shortest keep-alive of a common server is 2 s.
_UPSTREAM_IDLE = "1s"
_MANY = 100_000
_FORGED = ("x-forwarded-", "x-envoy-")
_FORGED_WHOLE = ("forwarded", "x-real-ip", "x-client-ip", "true-client-ip")


def manager(name: str, *, upgrades: bool, filters: list[Document], routing: Document) -> Document:
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
        "stream_idle_timeout": IDLE,
        "request_timeout": "0s",
        "request_headers_timeout": "60s",
        "common_http_protocol_options": {"idle_timeout": IDLE, "headers_with_underscores_action": "ALLOW"},
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
            "@type": ANY + "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [*prefixes, *({"remove": name} for name in _FORGED_WHOLE)],
        },
    }


def reply(status: int, body: str, *, content_type: str, flags: tuple[str, ...] = ()) -> Document:
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


def cluster(name: str, addresses: list[Document], *, http2: bool) -> Document:
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
                "@type": ANY + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": _UPSTREAM_IDLE},
                "explicit_http_config": {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {}},
            }
        },
    }


def listener(name: str, address: str, port: int, manager: Document) -> Document:
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        # With port reuse a second Envoy on the same port would start without a word and take half of the connections.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }


def pipe(path: Path) -> Document:
    return {"pipe": {"path": str(path)}}


def watched(folder: Path, name: str) -> Document:
    source: Mapping[str, Any] = {"path": str(folder / name), "watched_directory": {"path": str(folder)}}
    return {"path_config_source": source, "resource_api_version": "V3"}
