"""A team's access tokens."""

from starlette.responses import Response

from loco_server.http.call import Call
from loco_spec import tokens as wire


async def tokens(call: Call) -> wire.AccessTokens:
    return await call.services.tokens.list(call.of_team)


async def create(call: Call) -> wire.TokenCreated:
    return await call.services.tokens.create(call.who, call.of_team, call.role, call.body)


async def revoke(call: Call) -> Response:
    await call.services.tokens.revoke(call.who, call.of_team, call.role, call.request.path_params["token"])
    return Response(status_code=204)
