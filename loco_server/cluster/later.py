"""What answers on a port from its first moment on: health, where it is asked there, and the rest once it is there."""

from collections.abc import Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from loco_server.http.problems import problem
from loco_server.serving.beside import Beside
from loco_spec.errors import ServerUnreachable

RETRY_AFTER = 2


class Later:
    def __init__(self, first: Sequence[Route] = ()) -> None:
        self._first = first
        self._app: ASGIApp = Beside(first, _not_yet)

    def begin(self, app: ASGIApp) -> None:
        self._app = Beside(self._first, app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _not_yet(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        error = ServerUnreachable("the server is starting", hint="a moment later", retry_after=RETRY_AFTER)
        await problem(error)(scope, receive, send)
