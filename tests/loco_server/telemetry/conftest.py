"""An application with a few endpoints, wrapped as the API is, and a client of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from loco_server.telemetry.metrics import Metrics
from loco_server.telemetry.requests import TRUSTED, Requests


async def shop(request: Request) -> Response:
    request.state.user = "uuuuuuuuuu"
    return JSONResponse({"id": request.state.id})


async def broken(request: Request) -> Response:
    raise RuntimeError(f"planted-secret in {request.url.path}")


async def stream(request: Request) -> Response:
    del request

    async def lines() -> AsyncIterator[bytes]:
        yield b": ping\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def opened(socket: WebSocket) -> None:
    if socket.path_params["app"] != "shop":
        await socket.send_denial_response(Response(status_code=404))
        return
    await socket.accept()
    await socket.close()


class Asked:
    """What is asked, and what was counted of it. `trusted`: as by a proxy of ours."""

    def __init__(self) -> None:
        routes = [Route("/v1/apps/{app}", shop), Route("/v1/broken", broken), Route("/v1/events", stream)]
        self.metrics = Metrics()
        self.trusted = False
        opens = WebSocketRoute("/v1/opens/{app}", opened)
        templates = {each.endpoint: each.path for each in routes} | {opens.endpoint: opens.path}
        wrapped = self.wrapped = Requests(Starlette(routes=[*routes, opens]), templates, self.metrics)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await wrapped({**scope, TRUSTED: self.trusted}, receive, send)

        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://loco")

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """Give the samples of that name, by the values of their labels in order of the labels' names."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == name
        }


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    found = Asked()
    yield found
    await found.client.aclose()
