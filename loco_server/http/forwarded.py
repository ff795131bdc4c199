"""Who asks, where a proxy of ours stands before the server: only where nobody but that proxy can have asked."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from loco_server.telemetry.requests import TRUSTED

FROM_AFAR = "loco.from-afar"
"""In the scope of a request that came by the public address."""


def behind_envoy(app: ASGIApp) -> ASGIApp:
    """Take the client's address from the last entry of `X-Forwarded-For`, which Envoy has appended.

    For a socket that nobody but Envoy can open.
    """

    async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = {**scope, "client": (_said(scope) or "", 0), "scheme": "https"}
            scope |= {FROM_AFAR: True, TRUSTED: True}
        await app(scope, receive, send)

    return forwarded


def behind_proxies(app: ASGIApp, networks: Sequence[IPv4Network | IPv6Network]) -> ASGIApp:
    """Do the same for a port that others can open too: who comes from elsewhere speaks for themselves alone."""

    async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = {**scope, FROM_AFAR: True}
            said = _said(scope)
            if said and _is_in(networks, scope["client"]):
                scope |= {"client": (said, 0), "scheme": "https", TRUSTED: True}
        await app(scope, receive, send)

    return forwarded


def _said(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return values[-1].decode("latin-1").rpartition(",")[2].strip() if values else None


def _is_in(networks: Sequence[IPv4Network | IPv6Network], client: tuple[str, int] | None) -> bool:
    try:
        address = ip_address("" if client is None else client[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
