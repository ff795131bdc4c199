"""How Envoy reaches a registry that is not ours (Harbor, GitLab): by TLS, under a prefix, and its answers put right.

A tenant knows `/v2/<our repository>/…` alone. The upstream's own names, cookies and refusals of our account stay here.
"""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from loco_server.edge.parts import ANY, Document, cluster
from loco_server.registry_settings import RegistrySettings

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where Debian, Fedora and Alpine keep whom a machine believes; Envoy itself believes nobody."""
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class RegistryUpstream:
    url: str
    """Scheme, host and port alone: `https://harbor.example.com`."""
    prefix: str
    """`project` or `group/project`, as Harbor and GitLab have it before our repositories' names."""
    authorities: Path
    """PEM: whose signature under its certificate is believed. For https alone."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    @property
    def authority(self) -> str:
        return urlsplit(self.url).netloc


def of_settings(found: RegistrySettings) -> RegistryUpstream | None:
    """Give where the operator's registry is; None where it is our own.

    Raises:
        ValueError: nobody is named whom to believe, by the operator or by this machine.
    """
    if found.member == "distribution" or found.url is None:
        return None
    known = (str(found.ca_file or ""), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    bundle = next((Path(each) for each in known if each and Path(each).is_file()), None)
    if bundle is None:
        raise ValueError("there are no certificates of authorities on this machine; LOCO_REGISTRY_CA_FILE names some")
    return RegistryUpstream(found.url, found.prefix, bundle)


def upstream_cluster(upstream: RegistryUpstream) -> Document:
    """Give the cluster `loco-registry`, looked up by name again and again."""
    address = {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
    found = cluster("loco-registry", [address], http2=False)
    found |= {"type": "LOGICAL_DNS", "dns_lookup_family": "ALL", "connect_timeout": "5s"}
    (protocol,) = found["typed_extension_protocol_options"].values()
    protocol["http_filters"] = [_answers(upstream), _filter("upstream_codec", "upstream_codec.v3.UpstreamCodec")]
    if urlsplit(upstream.url).scheme == "https":
        name = {"san_type": "DNS", "matcher": {"exact": upstream.host}}
        trusted = {
            "trusted_ca": {"filename": str(upstream.authorities)},
            "match_typed_subject_alt_names": [name],  # Envoy compares no names by itself
        }
        found["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": ANY + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": upstream.host,
                "common_tls_context": {"validation_context": trusted},
            },
        }
    return found


def upstream_routes(upstream: RegistryUpstream, routes: list[Document]) -> list[Document]:
    """Give the registry's routes, made for `/v2` and all below it, as they lead there: `/v2/` itself has no prefix."""
    found = []
    for route in routes:
        action = route["route"] | {"host_rewrite_literal": upstream.authority}
        conditions = {name: value for name, value in route["match"].items() if name != "prefix"}
        found += [{"match": conditions | {"path": path}, "route": action} for path in ("/v2", "/v2/")]
        inside = action | {"prefix_rewrite": f"/v2/{upstream.prefix}/"}
        found.append({"match": conditions | {"prefix": "/v2/"}, "route": inside})
    return found


def answers_script(upstream: RegistryUpstream) -> str:
    """Give what puts the upstream's answers right, in Lua, as Envoy runs it (here and in a cluster's gateway)."""
    netloc = upstream.authority.lower()
    bases = {f"{scheme}://{netloc}" for scheme in _DEFAULT_PORTS}
    for scheme, port in _DEFAULT_PORTS.items():  # behind a proxy with TLS some say http, and some say the port
        if upstream.port in _DEFAULT_PORTS.values():
            bases |= {f"{scheme}://{upstream.host}", f"{scheme}://{upstream.host}:{port}"}
    listed = ", ".join(f"[{json.dumps(base)}] = true" for base in sorted(bases))
    return _SCRIPT % {"bases": listed, "prefix": json.dumps(f"/v2/{upstream.prefix}/")}


_SCRIPT = """
local bases, prefix = { %(bases)s }, %(prefix)s

local function ours(place)
  local base, path = place:match("^(%%a[%%w+.-]*://[^/?#]*)(/.*)$")
  if base ~= nil then
    if not bases[base:lower()] then return nil end
  else
    path = place
  end
  if path:sub(1, #prefix) ~= prefix then return nil end
  return "/v2/" .. path:sub(#prefix + 1)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(":status")
  headers:remove("set-cookie")
  headers:remove("www-authenticate")
  if status == "401" or status == "403" then
    headers:replace(":status", "503")
    return
  end
  local place = headers:get("location")
  if place ~= nil then
    local found = ours(place)
    if found == nil then
      headers:remove("location")
      headers:replace(":status", "502")
    else
      headers:replace("location", found)
    end
  end
  local link = headers:get("link")
  if link ~= nil then
    local target, rest = link:match("^<([^>]*)>(.*)$")
    local found = target and ours(target)
    if found then headers:replace("link", "<" .. found .. ">" .. rest) else headers:remove("link") end
  end
end
"""


def _answers(upstream: RegistryUpstream) -> Document:
    return _filter("lua", "lua.v3.Lua") | {
        "typed_config": {
            "@type": ANY + "envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": answers_script(upstream)},
        }
    }


def _filter(name: str, kind: str) -> Document:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{ANY}envoy.extensions.filters.http.{kind}"},
    }
