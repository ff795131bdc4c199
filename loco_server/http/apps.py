"""Apps: list, look, destroy, and read their logs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.responses import Response

from loco_server.engines.base import EngineDownError, LogQuery
from loco_server.flows.deploy import app_ref
from loco_server.http.call import Call
from loco_server.http.stream import Message, sse
from loco_spec import api
from loco_spec.errors import EngineUnavailable

LINES_LIMIT = 10_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


async def apps(call: Call) -> api.Apps:
    return await call.services.status.apps(call.of_team.id)


async def app(call: Call) -> api.AppStatus:
    return await call.services.status.app(call.of_app)


async def destroy(call: Call) -> api.Destroyed:
    await call.services.destroy.run(call.of_app)
    return api.Destroyed(team=call.of_team.name, app=call.of_app.name)


async def logs(call: Call) -> Response:
    query = log_query(call)

    async def messages() -> AsyncIterator[Message | None]:
        try:
            async for batch in call.services.logs.read(query):
                yield Message("lines", id=batch.position, data=batch)
        except EngineDownError as e:
            raise EngineUnavailable(str(e), hint="ask the operator of this server to start it") from e
        yield Message("end")

    return sse(messages(), call.again)


def log_query(call: Call) -> LogQuery:
    """Give what the request asks of the logs; times that no clock shows are brought to one that does."""
    asked: api.LogsQuery = call.query
    return LogQuery(
        app=app_ref(call.of_app),
        follow=asked.follow,
        tail=None if asked.lines is None else min(asked.lines, LINES_LIMIT),
        since=_moment(asked.since),
        until=_moment(asked.until),
        position=call.request.headers.get("last-event-id") or asked.position,
        instance=asked.instance,
        previous=asked.previous,
        deployment=asked.deployment,
    )


def _moment(asked: datetime | None) -> datetime | None:
    if asked is None:
        return None
    return min(max(asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked, EARLIEST), LATEST)
