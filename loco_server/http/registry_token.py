"""`GET /registry/token`: where a registry client turns its ticket into a token of a few minutes."""

import base64
import binascii

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loco_server.gateway import scopes
from loco_server.gateway.decision import Deny
from loco_server.gateway.tickets import TicketBook
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.gateway import denied
from loco_server.http.rates import Rates, network

TOKEN_PATH = "/registry/token"  # noqa: S105  a path
SERVICE = "loco-registry"


def token_route(*, tokens: RegistryTokens, book: TicketBook, rates: Rates) -> Route:
    """Give the route. POST is not taken (405): every client then asks by GET."""

    async def answer(request: Request) -> Response:
        wait = rates.registry(network(request))
        if wait is not None:
            return denied(Deny(429, "TOOMANYREQUESTS", "asked too often from there", {"Retry-After": str(wait)}))
        # Taken before the ticket is looked up: a deployment closed meanwhile is remembered for longer than the token.
        now = tokens.clock()
        ticket = _basic(request.headers.get("authorization", ""))
        grant = None if ticket is None else await book.grant(*ticket)
        if ticket is None or grant is None:
            return denied(Deny(401, "UNAUTHORIZED", "the ticket is wrong, or it has ended"))
        actions = scopes.granted(request.query_params.getlist("scope"), grant)
        text = tokens.make(ticket[0], grant, actions, issued_at=now)
        # Without `issued_at` a client counts from when it got the token, by its own clock. With it, one whose clock is
        # some minutes behind (an engine in a virtual machine that slept) shows a token that has long ended here.
        body = {"token": text, "access_token": text, "expires_in": tokens.times.advertised}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return Route(TOKEN_PATH, answer, methods=["GET"])


def _basic(header: str) -> tuple[str, str] | None:
    """Read `Basic base64(username:password)`; None for anything else."""
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (username, password) if colon else None
