"""The server itself, signing in and out, who one is, and one's account."""

from starlette.responses import Response

from loco_server.http.auth import MINIMUM_VERSION
from loco_server.http.call import Call
from loco_spec import account, api
from loco_spec.version import VERSION


async def server(call: Call) -> api.Server:
    settings = call.services.settings
    return api.Server(
        version=VERSION,
        minimum_version=MINIMUM_VERSION,
        providers=call.services.login.providers,
        domain=settings.domain,
        edge=settings.edge_url,
        registry=settings.push_host,
        platform=call.services.deploy.platform,
        image_bytes=settings.limits.team.image,
        uncompressed_bytes=settings.limits.uncompressed_bytes,
    )


async def login(call: Call) -> api.LoginPrompt:
    return await call.services.login.start(call.body.provider)


async def login_finish(call: Call) -> api.SignedIn:
    body = call.body
    return await call.services.login.finish(call.request.path_params["login"], body.proof, body.invitation)


async def logout(call: Call) -> Response:
    await call.services.login.end(call.who)
    return Response(status_code=204)


async def me(call: Call) -> api.Me:
    return await call.services.login.me(call.who)


async def show(call: Call) -> account.Account:
    return await call.services.account.show(call.who)


async def delete(call: Call) -> account.AccountDeleted:
    return await call.services.account.delete(call.who, call.body)


async def sessions(call: Call) -> account.Sessions:
    return await call.services.account.sessions(call.who)


async def revoke_others(call: Call) -> account.SessionsRevoked:
    return await call.services.account.revoke_others(call.who)


async def revoke_session(call: Call) -> Response:
    await call.services.account.revoke(call.who, call.request.path_params["session"])
    return Response(status_code=204)
