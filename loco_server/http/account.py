"""The server itself, signing in and out, who one is, and one's account."""

from starlette.responses import Response

from loco_server.http.auth import MINIMUM_VERSION
from loco_server.http.call import Call
from loco_server.http.forwarded import FROM_AFAR
from loco_spec import account, api
from loco_spec.errors import UsageError
from loco_spec.version import VERSION


async def server(call: Call) -> api.Server:
    settings = call.services.settings
    return api.Server(
        version=VERSION,
        minimum_version=MINIMUM_VERSION,
        providers=tuple(name for name in call.services.login.providers if _offered(call, name)),
        domain=settings.domain,
        edge=settings.edge_url,
        registry=settings.push_host,
        platform=call.services.deploy.platform,
        image_bytes=settings.limits.team.image,
        uncompressed_bytes=settings.limits.uncompressed_bytes,
    )


def _offered(call: Call, provider: str) -> bool:
    """The sign-in by a file of the server's is for its own machine: nobody else can read the file."""
    return provider != "local" or not call.request.scope.get(FROM_AFAR, False)


async def login(call: Call) -> api.LoginPrompt:
    if not _offered(call, call.body.provider):
        raise UsageError("the sign-in by a file is for the server's own machine", hint="loco login --provider github")
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
