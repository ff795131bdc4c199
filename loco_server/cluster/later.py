"""What answers on a port from its first moment on: health, where it is asked there, and the rest once it is there."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from loco_server.http.problems import problem
from loco_spec.errors import ServerUnreachable

RETRY_AFTER = 2


class Later:
    def __init__(self, first: Sequence[Route] = ()) -> None:
        self._paths = frozenset(route.path for route in first)
        self._first = Starlette(routes=list(first))
        self._app: ASGIApp = _not_yet

    def begin(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._paths:
            await self._first(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _not_yet(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        error = ServerUnreachable("the server is starting", hint="a moment later", retry_after=RETRY_AFTER)
        await problem(error)(scope, receive, send)
