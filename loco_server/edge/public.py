"""What Envoy listens to on a machine that the world reaches: one port with TLS, and one that only sends there. Pure."""

from dataclasses import dataclass
from pathlib import Path

from loco_server.edge.parts import ANY, IDLE, ROUTER, Document, listener, manager, reply, watched

SECRET_FILE = "secret.json"  # noqa: S105  a file's name
_AWAY = "the server is away for a moment; what runs goes on\n"
SECRET_NAME = "public"  # noqa: S105  the name of Envoy's resource


@dataclass(frozen=True)
class PublicLayout:
    """Where the world is listened to, and for which names."""

    address: str
    https_port: int
    http_port: int
    api_host: str
    registry_host: str
    """Names that a client asks for in the TLS handshake."""
    api_socket: Path
    watched: Path
    """The directory of `secret.json`: certificate and key."""


def secret(certificate: str, key: str) -> Document:
    """Give the SDS file: the certificate with what it is signed by, and its key, as PEM."""
    pair = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
    kind = ANY + "envoy.extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": SECRET_NAME, "tls_certificate": pair}]}


def listeners(public: PublicLayout, *, edge: Document, registry: Document) -> list[Document]:
    """Give both: the one with TLS, whose connections are managed as given, and the one that only sends there."""
    return [
        _https(public, edge, {public.registry_host: registry, public.api_host: _api_manager(public.api_host)}),
        listener("http", public.address, public.http_port, _redirect_manager(public)),
    ]


def _https(public: PublicLayout, edge: Document, named: dict[str, Document]) -> Document:
    """One port for all; the name in the TLS handshake tells which of them is meant."""
    chains = [
        {"filter_chain_match": {"server_names": [name]}, **_tls(public, name, found)} for name, found in named.items()
    ]
    return {
        "name": "https",
        "address": {"socket_address": {"address": public.address, "port_value": public.https_port}},
        "enable_reuse_port": False,
        "listener_filters": [
            {
                "name": "tls_inspector",
                "typed_config": {"@type": ANY + "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ],
        "filter_chains": chains,
        "default_filter_chain": _tls(public, "edge", edge),
    }


def _tls(public: PublicLayout, name: str, found: Document) -> Document:
    return {
        "name": name,
        "filters": [{"name": name, "typed_config": found}],
        "transport_socket": {
            "name": "tls",
            "typed_config": {
                "@type": ANY + "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "tls_certificate_sds_secret_configs": [
                        {"name": SECRET_NAME, "sds_config": watched(public.watched, SECRET_FILE)}
                    ],
                },
            },
        },
    }


def _api_manager(host: str) -> Document:
    """For its own name alone: a browser may reuse a connection for another one that the certificate has (421)."""
    way = {"cluster": "loco-api", "timeout": "0s", "idle_timeout": IDLE}
    found = [{"match": {"prefix": "/"}, "route": way}]
    astray = {"match": {"prefix": "/"}, "direct_response": {"status": 421}}
    return manager(
        "api",
        upgrades=False,
        filters=[ROUTER],
        routing={
            "route_config": {
                "name": "api",
                "request_headers_to_remove": ["traceparent", "tracestate"],  # nobody outside names our traces
                "ignore_port_in_host_matching": True,
                "virtual_hosts": [
                    {"name": "api", "domains": [host], "routes": found},
                    {"name": "another", "domains": ["*"], "routes": [astray]},
                ],
            }
        },
    ) | {
        "local_reply_config": {"mappers": [reply(503, _AWAY, content_type="text/plain")]},
        "upgrade_configs": [{"upgrade_type": "websocket"}],  # loco exec, run and forward
    }


def _redirect_manager(public: PublicLayout) -> Document:
    on: Document = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
    if (public.https_port, public.http_port) != (443, 80):  # these two nobody writes into an address
        on["port_redirect"] = public.https_port
    found = [{"match": {"prefix": "/"}, "redirect": on}]
    return manager(
        "http",
        upgrades=False,
        filters=[ROUTER],
        routing={
            "route_config": {"name": "http", "virtual_hosts": [{"name": "http", "domains": ["*"], "routes": found}]}
        },
    )
