"""Teams, their members and invitations."""

from starlette.responses import Response

from loco_server.http.call import Call
from loco_spec import teams as wire


async def teams(call: Call) -> wire.Teams:
    return await call.services.teams.list(call.who)


async def create(call: Call) -> wire.TeamSummary:
    return await call.services.teams.create(call.who, call.body.name)


async def delete(call: Call) -> Response:
    await call.services.teams.delete(call.who, call.of_team)
    return Response(status_code=204)


async def members(call: Call) -> wire.Members:
    return await call.services.teams.members(call.of_team)


async def change(call: Call) -> wire.Member:
    return await call.services.teams.change(call.who, call.of_team, call.request.path_params["login"], call.body.role)


async def remove(call: Call) -> Response:
    await call.services.teams.remove(call.who, call.of_team, call.request.path_params["login"])
    return Response(status_code=204)


async def leave(call: Call) -> Response:
    await call.services.teams.leave(call.who, call.of_team)
    return Response(status_code=204)


async def invitations(call: Call) -> wire.Invitations:
    return await call.services.teams.invitations(call.of_team)


async def invite(call: Call) -> wire.InvitationCreated:
    return await call.services.teams.invite(call.who, call.of_team, call.role, call.body.role, call.body.note)


async def revoke_invitation(call: Call) -> Response:
    await call.services.teams.revoke_invitation(call.of_team, call.request.path_params["invitation"])
    return Response(status_code=204)


async def join(call: Call) -> wire.TeamSummary:
    return await call.services.teams.join(call.who.user, call.body.code)
