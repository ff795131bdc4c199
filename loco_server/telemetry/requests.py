"""Around an ASGI application: each request gets its id, a line in the log, its numbers, and a span."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from prometheus_client import Gauge

from loco_server.telemetry.fields import bound
from loco_server.telemetry.logs import line
from loco_server.telemetry.metrics import Metrics
from loco_server.telemetry.spans import request_span

log = logging.getLogger("loco.requests")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRUSTED = "loco.trusted"
"""In the scope of a request that a proxy of ours has sent, and nobody else can have."""
ID_HEADER = b"x-request-id"
_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ASKED = frozenset(("http", "websocket"))
_ANSWERS = frozenset(("http.response.start", "websocket.accept", "websocket.http.response.start"))
_OPENED = 101
_GONE = 499
"""As nginx calls it: who asked went away before there was an answer."""
NOWHERE = "none"
"""The endpoint of a request that goes to no endpoint. Its path is not told: it may be anything, a secret too."""


class Requests:
    """Wraps the API. `templates`: each endpoint's path as the table has it, by what Starlette puts into the scope."""

    def __init__(self, app: App, templates: Mapping[Any, str], metrics: Metrics) -> None:
        self._app = app
        self._templates = templates
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _ASKED:
            await self._app(scope, receive, send)
            return
        trusted = bool(scope.get(TRUSTED))
        # Ten characters, as the trail has room for.
        number = (_given(scope) if trusted else None) or secrets.token_hex(5)
        state = scope.setdefault("state", {})
        state["id"] = number  # `request_id` finds it, for events and for what the client is told
        began, status = time.monotonic(), 0
        followed: Gauge | None = None

        async def sending(message: Message) -> None:
            nonlocal status, followed
            if message["type"] in _ANSWERS:
                status = message.get("status", _OPENED)
                message = {**message, "headers": [*message.get("headers", ()), (ID_HEADER, number.encode())]}
                if followed is None and (status == _OPENED or _is_stream(message)):
                    followed = self._metrics.followers.labels(self._template(scope))
                    followed.inc()
            await send(message)

        method = scope.get("method", "GET")  # a WebSocket's
        method = method if method in _METHODS else "other"
        with bound(request_id=number), request_span(method, _carried(scope) if trusted else {}) as span:
            try:
                await self._app(scope, receive, sending)
            except asyncio.CancelledError:
                status = status or _GONE
                raise
            finally:
                seconds, endpoint = time.monotonic() - began, self._template(scope)
                status = status or 500
                if followed is None:
                    self._metrics.request_seconds.labels(method, endpoint).observe(seconds)
                else:
                    followed.dec()
                self._metrics.requests.labels(method, endpoint, str(status)).inc()
                user = state.get("user", "")
                span.update_name(f"{method} {endpoint}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", endpoint)
                span.set_attribute("http.response.status_code", status)
                told = {"method": method, "endpoint": endpoint, "status": status, "ms": round(seconds * 1000, 1)}
                line(
                    log,
                    f"{method} {endpoint} {status} {seconds * 1000:.1f} ms" + (f" user {user}" if user else ""),
                    **told,
                    **({"user": user} if user else {}),
                )

    def _template(self, scope: Scope) -> str:
        return self._templates.get(scope.get("endpoint"), NOWHERE)


class Decisions:
    """Wraps what Envoy asks about requests to the registry, and counts the answers."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                decision = _decision(message["status"])
                self._metrics.decisions.labels(decision).inc()
                self._metrics.decision_seconds.observe(time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, sending)


def _decision(status: int) -> str:
    if status == 429 or status >= 500:
        return "unavailable"
    return {200: "allow", 401: "challenge"}.get(status, "deny")


def _given(scope: Scope) -> str | None:
    found = _header(scope, ID_HEADER)
    return found if _ID.fullmatch(found) else None


def _carried(scope: Scope) -> dict[str, str]:
    return {name: found for name in ("traceparent", "tracestate") if (found := _header(scope, name.encode()))}


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _is_stream(message: Message) -> bool:
    return any(name.lower() == b"content-type" and b"text/event-stream" in value for name, value in message["headers"])
