"""The Starlette application, made from the endpoint table."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from loco_server.http.auth import authorize, awake
from loco_server.http.call import Services, read_body, read_query
from loco_server.http.endpoint import Endpoint, Opened
from loco_server.http.events import change_of
from loco_server.http.problems import defect, method_unknown, problem
from loco_server.http.rates import network
from loco_server.http.sockets import socket_route
from loco_server.http.table import ENDPOINTS
from loco_server.policy.permissions import Permission
from loco_spec.errors import LocoError, NotFound, ServerUnreachable, UsageError


def api_app(services: Services, extra: Sequence[BaseRoute] = ()) -> Starlette:
    """Give the API; `extra` are routes with a protocol of their own (the registry's token endpoint)."""
    routes: list[BaseRoute] = [_route(endpoint, services) for endpoint in ENDPOINTS]
    routes += [socket_route(endpoint, services) for endpoint in ENDPOINTS if endpoint.opens]
    return Starlette(
        routes=[*routes, *extra],
        exception_handlers={HTTPException: _not_in_the_table},  # type: ignore[dict-item]
    )


def _route(endpoint: Endpoint, services: Services) -> Route:
    if not isinstance(endpoint.permission, Permission):  # deny by default: this stops the start
        raise TypeError(f"{endpoint.method} {endpoint.path} declares no permission")
    if endpoint.changes and not endpoint.action:
        raise TypeError(f"{endpoint.method} {endpoint.path} declares no action, and would leave no event")

    signs_in = endpoint.permission is Permission.PUBLIC and endpoint.changes

    async def answer(request: Request) -> Response:
        try:
            services.rates.knock(network(request), signs_in=signs_in)
        except LocoError as e:
            return problem(e)
        return await services.repeats.once(request, done)

    async def done(request: Request) -> Response:
        try:
            again = partial(authorize, endpoint, request, services, begun=True)
            call = replace(await authorize(endpoint, request, services), again=again)
            if endpoint.opens:
                return problem(UsageError(f"{endpoint.path} opens a WebSocket", hint="loco --help"), status=426)
            if endpoint.query is not None:
                call = replace(call, query=read_query(request, endpoint.query))
            if endpoint.request is not None:
                body = await read_body(request, endpoint.request)
                call = replace(call, body=body)
            # Begun here: what authorize writes, when a token was used, is no change that anybody asked for.
            async with services.audit.change(change_of(endpoint, call)) if endpoint.changes else nullcontext():
                found = await endpoint.handler(await awake(endpoint, call))
        except LocoError as e:
            return problem(e)
        except ClientDisconnect:  # in the middle of its body: nothing was done, and nobody hears this but who waits too
            return problem(ServerUnreachable("the request was cut"))
        except Exception as e:  # noqa: BLE001  the one catch
            return defect(request, e)
        assert not isinstance(found, Opened)  # noqa: S101  answered above
        if isinstance(found, BaseModel):
            return Response(found.model_dump_json(), status_code=endpoint.status, media_type="application/json")
        return found

    return Route(endpoint.path, answer, methods=[endpoint.method], name=f"{endpoint.method} {endpoint.path}")


async def _not_in_the_table(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        return method_unknown(request, {method for route in routes for method in route.methods or ()})
    return problem(NotFound(f"there is nothing at {request.url.path}", hint="loco version"))
