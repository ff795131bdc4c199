"""What Envoy asks before each request to the registry. For the internal socket only: its answer holds a credential."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from loco_server.edge.config import AUTHORIZE_PATH
from loco_server.gateway import decision
from loco_server.gateway.decision import Challenge, Deny
from loco_server.gateway.tokens import RegistryTokens
from loco_server.registries.base import Registry, RegistryDownError

log = logging.getLogger("loco.gateway")

ANSWER_SECONDS = 4.5
"""Envoy waits 5 s, and what it then says is no answer of a registry."""


@dataclass(frozen=True)
class Busy:
    status: int
    code: str


BUSY = Busy(503, "UNAVAILABLE")
BUSY_UNCONFIGURED = Busy(429, "TOOMANYREQUESTS")
"""Where an Envoy asks that takes a 5xx for a fault of who answers, and turns it into a 403; clients try again alike."""

_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


def gateway_route(
    *,
    tokens: RegistryTokens,
    registry: Registry,
    is_closed: Callable[[str], bool],
    read_only: Callable[[], bool],
    challenge: Challenge,
    path: str = AUTHORIZE_PATH,
    see: Callable[[str], Awaitable[None]] | None = None,
    busy: Busy = BUSY,
    full: Callable[[], bool] = lambda: False,
) -> Mount:
    """Give the route of `/gateway/authorize/…`; the rest of the path is the request's own.

    `see` learns of a deployment, or of an app's pulls, before `is_closed` is asked; it raises a RegistryDownError where
    nothing is to be learnt. `busy` is what is answered where nothing can be decided now. `full`, where it can be known,
    says that no layer more has room.
    """

    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await decided(request)
        except RegistryDownError as e:
            return _down(str(e), busy)
        except TimeoutError:
            return _down("what it needs has not answered in time", busy)

    async def decided(request: Request) -> Response:
        raw: bytes = request.scope["raw_path"]
        asked = decision.Request(
            method=request.method,
            path=raw.decode("latin-1").removeprefix(path),
            query=request.scope["query_string"].decode("latin-1"),
        )
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        claims = tokens.read(text) if kind.lower() == "bearer" else None
        if claims is not None and see is not None:
            await see(claims.deployment_key)
        found = decision.decide(
            asked,
            claims,
            is_closed=is_closed,
            read_only=read_only(),
            challenge=challenge,
            full=full(),
        )
        if isinstance(found, Deny):
            return denied(found)
        # Envoy replaces the tenant's token by this one; one without actions opens `/v2/` alone.
        authorization = await registry.upstream_authorization(found.repository, found.actions)
        return Response(headers={"Authorization": authorization})

    return Mount(path, app=_every_method(answer))


def _down(why: str, busy: Busy) -> Response:
    log.warning("a request to the registry is refused: %s", why)
    retry = {"Retry-After": str(decision.RETRY_AFTER_SECONDS)}
    return denied(Deny(busy.status, busy.code, "the registry takes no requests now; try again", retry))


def denied(found: Deny) -> Response:
    """Word a refusal as a registry does."""
    body = {"errors": [{"code": found.code, "message": found.message}]}
    return JSONResponse(body, status_code=found.status, headers={**_VERSION, **found.headers})


def _every_method(answer: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Routes know the methods they take; this one must hear of all, the strange ones too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return app
