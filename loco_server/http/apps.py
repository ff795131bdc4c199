"""Apps: list, look, destroy, and read their logs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.responses import Response

from loco_server.engines.base import EngineDownError, LogQuery
from loco_server.flows.deploy import app_ref
from loco_server.http.call import Call
from loco_server.http.stream import Message, sse
from loco_spec import api
from loco_spec.errors import EngineUnavailable, LocoError, UsageError
from loco_spec.events import StreamFault

LINES_LIMIT = 10_000


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
            async for batch in call.services.engine.logs(query):
                yield Message("lines", id=batch.position, data=batch)
        except LocoError as e:
            yield Message("error", data=StreamFault(problem=e.to_problem()))
        except EngineDownError as e:
            fault = EngineUnavailable(str(e), hint="ask the operator of this server to start it")
            yield Message("error", data=StreamFault(problem=fault.to_problem()))
        else:
            yield Message("end")

    return sse(messages())


def log_query(call: Call) -> LogQuery:
    """Read `follow`, `lines`, `since` and `position` (or `Last-Event-ID`) from the request.

    Raises:
        UsageError: one of them is off.
    """
    asked = call.request.query_params
    lines, since = asked.get("lines"), asked.get("since")
    try:
        tail = None if lines is None else min(max(int(lines), 0), LINES_LIMIT)
        start = None if since is None else datetime.fromisoformat(since)
    except ValueError as e:
        raise UsageError(
            "lines is a number, since a time such as 2026-01-31T12:00:00Z", hint="loco logs --since 5m"
        ) from e
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return LogQuery(
        app=app_ref(call.of_app),
        follow=asked.get("follow") in {"1", "true"},
        tail=tail,
        since=start,
        position=call.request.headers.get("last-event-id") or asked.get("position"),
    )
