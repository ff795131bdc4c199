"""What answers on the operator's socket. Whoever may open it is the operator: the file is 0600, in a 0700 folder."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loco_server.admin import overview, wire
from loco_server.http.problems import defect, problem
from loco_server.wiring import Parts
from loco_spec import teams
from loco_spec.errors import InvalidRequest, LocoError

Model = TypeVar("Model", bound=BaseModel)
Answer = Callable[[Request], Awaitable[BaseModel | None]]


def admin_app(parts: Parts) -> Starlette:
    """Give the application; its routes are those of `Admin`."""
    admin = Admin(parts)
    return Starlette(
        routes=[
            _route("POST", "/suspend", admin.suspend),
            _route("POST", "/resume", admin.resume),
            _route("GET", "/overview", admin.overview),
            _route("POST", "/rotate-keys", admin.rotate_keys),
            _route("POST", "/invitations", admin.invite),
            _route("GET", "/invitations", admin.invitations),
            _route("DELETE", "/invitations/{invitation}", admin.revoke_invitation),
        ]
    )


class Admin:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def suspend(self, request: Request) -> wire.Suspended:
        asked = await _body(request, wire.SuspendRequest)
        subject = await self._parts.suspend.subject(asked.kind, asked.name)
        done = await self._parts.suspend.suspend(subject, asked.reason)
        return wire.Suspended(
            kind=subject.kind, name=subject.name, reason=done.reason, apps=done.apps, pushes=done.pushes
        )

    async def resume(self, request: Request) -> wire.Resumed:
        asked = await _body(request, wire.ResumeRequest)
        subject = await self._parts.suspend.subject(asked.kind, asked.name)
        done = await self._parts.suspend.resume(subject)
        return wire.Resumed(kind=subject.kind, name=subject.name, apps=done.apps, still=done.still)

    async def overview(self, request: Request) -> wire.Overview:
        del request
        return await overview.overview(self._parts)

    async def rotate_keys(self, request: Request) -> wire.Rotated:
        del request
        done = await self._parts.rotation.rotate()
        return wire.Rotated(key_id=done.key_id, values=done.values, resumed=done.resumed, unneeded=done.unneeded)

    async def invite(self, request: Request) -> teams.InvitationCreated:
        asked = await _body(request, wire.InviteRequest)
        return await self._parts.teams.invite_to_platform(asked.note)

    async def invitations(self, request: Request) -> teams.Invitations:
        del request
        return await self._parts.teams.invitations(None)

    async def revoke_invitation(self, request: Request) -> None:
        await self._parts.teams.revoke_invitation(None, request.path_params["invitation"])


def _route(method: str, path: str, answer: Answer) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            found = await answer(request)
        except LocoError as e:
            return problem(e)
        except Exception as e:  # noqa: BLE001  the one catch
            return defect(request, e)
        if found is None:
            return Response(status_code=204)
        return Response(found.model_dump_json(), media_type="application/json")

    return Route(path, endpoint, methods=[method])


async def _body(request: Request, model: type[Model]) -> Model:
    """Read the body.

    Raises:
        InvalidRequest: another version's command speaks with this server.
    """
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as e:
        raise InvalidRequest(
            f"the running server does not understand this: {e.errors(include_url=False)[0]['msg']}",
            hint="is it another version? loco-server version, then start it again",
        ) from e
