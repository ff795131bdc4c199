"""Whether the API and the registry answer under their names, over TLS that is trusted here."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from loco_server.check.cluster.place import Place
from loco_server.check.finding import Finding, missing, ok, unknown
from loco_server.http.registry_token import TOKEN_PATH

API, REGISTRY = "api-host", "registry-host"
SECONDS = 4.0
"""Less than a check has in all, so that it can say who was silent."""


@dataclass(frozen=True)
class Answer:
    url: str
    addresses: tuple[str, ...] = ()
    """Empty: the name resolves to nothing."""
    untrusted: str = ""
    """Why its certificate is not believed."""
    silent: str = ""
    """Why there was no answer."""
    status: int = 0
    challenge: str = ""
    """`WWW-Authenticate`."""


def api(found: Answer) -> Finding:
    fault = _fault(API, found)
    if fault is not None:
        return fault
    if found.status != HTTPStatus.OK:
        return missing(API, f"{found.url} answers {found.status}, and not as loco's API does", _ROUTES)
    return ok(API, f"{found.url} answers, at {', '.join(found.addresses)}")


def registry(found: Answer, host: str) -> Finding:
    """It must ask for a token of ours: one that lets everybody in stands there without the server's decision."""
    fault = _fault(REGISTRY, found)
    if fault is not None:
        return fault
    if found.status == HTTPStatus.OK:
        return missing(
            REGISTRY,
            f"{found.url} lets everybody in: the proxies do not ask loco-server",
            "apply the SecurityPolicy of deploy/kubernetes/components/envoy-gateway",
        )
    realm = f'realm="https://{host}{TOKEN_PATH}"'
    if found.status != HTTPStatus.UNAUTHORIZED:
        return missing(REGISTRY, f"{found.url} answers {found.status} instead of asking for a token", _ROUTES)
    if realm not in found.challenge:
        other = found.challenge[:120] or "nothing"
        return missing(REGISTRY, f"{found.url} asks for a token of others ({other}), not {realm}", _ROUTES)
    return ok(REGISTRY, f"{found.url} asks for loco's tokens, at {', '.join(found.addresses)}")


_ROUTES = "kubectl get httproutes,securitypolicies -n loco-system; the checks gateway, listeners and server tell more"


def _fault(name: str, found: Answer) -> Finding | None:
    host = found.url.split("/")[2]
    if not found.addresses:
        return missing(name, f"{host} is not found in the DNS", f"let *.{host.partition('.')[2]} lead to the Gateway")
    if found.untrusted:
        return missing(
            name,
            f"the certificate of {host} is not trusted here: {found.untrusted}",
            "a certificate of a public authority; else one that nodes and this machine trust (SSL_CERT_FILE)",
        )
    if found.silent:
        at = ", ".join(found.addresses)
        return missing(name, f"{host} ({at}) does not answer from here: {found.silent}", _ROUTES)
    return None


async def look_at_api(place: Place) -> Finding:
    if not place.domain:
        return unknown(API, "the domain is not known", "see the check settings")
    return api(await asked(f"https://api.{place.domain}/v1/server"))


async def look_at_registry(place: Place) -> Finding:
    host = place.registry_host
    if not host:
        return unknown(REGISTRY, "the domain is not known", "see the check settings")
    return registry(await asked(f"https://{host}/v2/"), host)


async def asked(url: str) -> Answer:
    parts = httpx.URL(url)
    try:
        async with asyncio.timeout(SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(parts.host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return Answer(url)
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    try:
        # As nodes do: by the authorities that this machine trusts, and by no proxy.
        async with httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=SECONDS) as client:
            answer = await client.get(url)
    except httpx.TransportError as e:
        untrusted = _untrusted(e)
        if untrusted is not None:
            return Answer(url, addresses, untrusted=untrusted)
        return Answer(url, addresses, silent=str(e) or type(e).__name__)
    return Answer(
        url, addresses, status=answer.status_code, challenge=", ".join(answer.headers.get_list("www-authenticate"))
    )


def _untrusted(error: BaseException | None) -> str | None:
    """Give why a certificate was not believed, where that is at the bottom of it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None
