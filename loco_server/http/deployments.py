"""Deployments: make, feed, cancel, look, follow."""

from collections.abc import AsyncIterator

from starlette.responses import Response

from loco_server.http.auth import refuse_without
from loco_server.http.call import Call
from loco_server.http.stream import Message, sse
from loco_server.policy.permissions import Permission
from loco_server.records.change import tell
from loco_spec import api
from loco_spec.changes import Plan
from loco_spec.errors import NotAllowed


async def create(call: Call) -> api.DeploymentCreated:
    name = call.request.path_params["app"]
    return await call.services.deploy.create(call.of_team, name, call.who, call.body)


async def plan(call: Call) -> Plan:
    """Whoever may look may see what would change; what would keep them from deploying is among what is told."""
    denied = None
    try:
        refuse_without(Permission.APP_DEPLOY, call.who.token.can, call.role, call.of_team.name)
    except NotAllowed as e:
        denied = e
    name = call.request.path_params["app"]
    return await call.services.plans.plan(call.of_team, name, call.app, call.who, call.body, denied=denied)


async def image(call: Call) -> api.Deployment:
    tell(digest=call.body.digest)
    return await call.services.deploy.image(call.of_app, call.number, call.body.digest, by=call.who)


async def cancel(call: Call) -> api.Deployment:
    return await call.services.deploy.cancel(call.of_app, call.number, call.body.failure)


async def redeploy(call: Call) -> api.Deployment:
    return await call.services.deploy.redeploy(call.of_app, call.who)


async def deployments(call: Call) -> api.Deployments:
    return await call.services.status.deployments(call.of_app, limit=call.query.limit)


async def deployment(call: Call) -> api.DeploymentShown:
    return await call.services.status.deployment(call.of_app, call.number)


async def events(call: Call) -> Response | api.DeploymentEvents:
    """As a stream when the client takes one, else what there is after `?after=`."""
    status, app, number = call.services.status, call.of_app, call.number
    last = call.resumed(digits=9)
    after = call.query.after if last is None else last
    if "text/event-stream" not in call.request.headers.get("accept", ""):
        return api.DeploymentEvents(events=tuple(await status.events(app, number, after)))
    await status.deployment(app, number)

    async def messages() -> AsyncIterator[Message | None]:
        async for event in status.follow(app, number, after):
            yield None if event is None else Message("event", id=str(event.number), data=event)
        yield Message("end")

    return sse(messages(), call.again)
