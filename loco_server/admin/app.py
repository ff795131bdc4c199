"""What answers on the operator's socket. Whoever may open it is the operator: the file is 0600, in a 0700 folder."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loco_server.admin import lifecycle, overview, wire
from loco_server.http.call import read_body, read_query
from loco_server.http.problems import defect, problem, request_id
from loco_server.records.change import Change
from loco_server.records.suspensions import Subject
from loco_server.wiring import Parts
from loco_spec import teams
from loco_spec.audit import AuditEvents
from loco_spec.errors import LocoError

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
            _route("POST", "/quotas", admin.quotas),
            _route("GET", "/events", admin.events),
            _route("GET", "/users", admin.users),
            _route("GET", "/lifecycle", admin.lifecycle),
        ]
    )


class Admin:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def suspend(self, request: Request) -> wire.Suspended:
        asked = await _body(request, wire.SuspendRequest)
        subject = await self._parts.suspend.subject(asked.kind, asked.name)
        async with self._change(request, subject, "suspend") as change:
            change.detail["reason"] = asked.reason
            done = await self._parts.suspend.suspend(subject, asked.reason)
        return wire.Suspended(
            kind=subject.kind, name=subject.name, reason=done.reason, apps=done.apps, pushes=done.pushes
        )

    async def resume(self, request: Request) -> wire.Resumed:
        asked = await _body(request, wire.ResumeRequest)
        subject = await self._parts.suspend.subject(asked.kind, asked.name)
        async with self._change(request, subject, "resume"):
            done = await self._parts.suspend.resume(subject)
        return wire.Resumed(kind=subject.kind, name=subject.name, apps=done.apps, still=done.still)

    async def overview(self, request: Request) -> wire.Overview:
        del request
        return await overview.overview(self._parts)

    async def rotate_keys(self, request: Request) -> wire.Rotated:
        async with self._parts.audit.change(_by_operator(request, "keys.rotate", "variables")):
            done = await self._parts.rotation.rotate()
        return wire.Rotated(key_id=done.key_id, values=done.values, resumed=done.resumed, unneeded=done.unneeded)

    async def invite(self, request: Request) -> teams.InvitationCreated:
        asked = await _body(request, wire.InviteRequest)
        async with self._parts.audit.change(_by_operator(request, "invitation.create", "the platform")) as change:
            made = await self._parts.teams.invite_to_platform(asked.note)
            change.subject = made.invitation.id
        return made

    async def invitations(self, request: Request) -> teams.Invitations:
        del request
        return await self._parts.teams.invitations(None)

    async def revoke_invitation(self, request: Request) -> None:
        invitation = request.path_params["invitation"]
        async with self._parts.audit.change(_by_operator(request, "invitation.revoke", invitation)):
            await self._parts.teams.revoke_invitation(None, invitation)

    async def quotas(self, request: Request) -> wire.Quotas:
        asked = await _body(request, wire.QuotaRequest)
        found = await self._parts.quotas.show(asked.team)
        if asked.changes:
            change = _by_operator(request, "team.quota", asked.team)
            change.team_id, change.detail = found.team_id, {"changes": list(asked.changes)}
            async with self._parts.audit.change(change):
                found = await self._parts.quotas.change(asked.team, asked.changes)
        return wire.Quotas(
            team=found.team,
            quotas=tuple(
                wire.QuotaLine(
                    name=name,
                    used=use.used,
                    limit=use.limit,
                    own=use.overridden,
                )
                for name, use in found.quotas.items()
            ),
        )

    async def users(self, request: Request) -> wire.Users:
        del request
        return wire.Users(
            users=tuple(
                wire.User(login=user.login, email=email, identities=identities, suspended=user.suspended)
                for user, email, identities in await self._parts.people.all()
            )
        )

    async def lifecycle(self, request: Request) -> wire.Lifecycle:
        del request
        return await lifecycle.lifecycle(self._parts.lifecycle, datetime.now(UTC))

    async def events(self, request: Request) -> AuditEvents:
        asked = read_query(request, wire.EventsQuery)
        assert isinstance(asked, wire.EventsQuery)  # noqa: S101  for the type
        team_id = None if asked.team is None else (await self._parts.suspend.subject("team", asked.team)).id
        return AuditEvents(events=tuple(await self._parts.audit.read(team_id, None, None, asked.limit)))

    def _change(self, request: Request, subject: Subject, what: str) -> AbstractAsyncContextManager[Change]:
        change = _by_operator(request, f"{subject.kind}.{what}", subject.name)
        change.team_id, change.app = subject.team_id, subject.name.partition("/")[2] or None
        return self._parts.audit.change(change)


def _by_operator(request: Request, action: str, subject: str) -> Change:
    return Change(actor="operator", action=action, subject=subject, request_id=request_id(request))


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
    """Read the body, of no more than the API takes either.

    Raises:
        UsageError: it is too large, or another version's command speaks with this server.
    """
    found = await read_body(request, model)
    assert isinstance(found, model)  # noqa: S101  for the type
    return found
