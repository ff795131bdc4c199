"""The audit trail: the event that a request leaves, and a team's events, read and followed."""

from collections.abc import AsyncIterator

from starlette.responses import Response

from loco_server.http.call import Call, address
from loco_server.http.endpoint import Endpoint
from loco_server.http.problems import request_id
from loco_server.http.stream import Message, sse
from loco_server.records.change import Change
from loco_spec.audit import AuditEvents


def change_of(endpoint: Endpoint, call: Call) -> Change:
    """Give what is known of a change before it begins; handlers and flows `tell` the rest."""
    change = Change(actor="somebody", action=endpoint.action, request_id=request_id(call.request))
    change.address = address(call.request) or None
    caller, team = call.caller, call.team
    if caller is not None:  # else somebody signs in, and the path has what a sign-in is found by
        change.actor, change.token_id, change.subject = caller.name, caller.token.id, caller.user.login
        if team is not None:
            change.team_id, change.subject = team.id, team.name
        parts = {name: str(value) for name, value in call.request.path_params.items() if name != "team"}
        if "number" in parts:
            parts["number"] = f"v{call.number}"
        change.app, change.subject = parts.get("app"), " ".join(parts.values()) or change.subject
    return change


async def events(call: Call) -> Response | AuditEvents:
    """As a stream when the client takes one, which goes on with what comes; else what there is."""
    audit, asked, last = call.services.audit, call.query, call.resumed(digits=18)
    which = (call.of_team.id, asked.app, asked.after if last is None else last, asked.limit)
    if "text/event-stream" not in call.request.headers.get("accept", ""):
        return AuditEvents(events=tuple(await audit.read(*which)))

    async def messages() -> AsyncIterator[Message | None]:
        async for event in audit.follow(*which):
            yield None if event is None else Message("event", id=str(event.id), data=event)

    return sse(messages(), call.again)
