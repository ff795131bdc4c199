"""Routes of the process's own beside an application, at the same port: what they do not know is the application's."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Beside:
    def __init__(self, routes: Sequence[Route], app: ASGIApp) -> None:
        self._paths = frozenset(route.path for route in routes)
        self._own = Starlette(routes=list(routes))
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["type"] == "http" and scope["path"] in self._paths
        await (self._own if own else self._app)(scope, receive, send)
