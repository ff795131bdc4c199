"""New numbers of what served, or serves: back, or with another scale."""

from loco_server.http.call import Call
from loco_server.records.change import tell
from loco_spec import again as wire


async def look(call: Call) -> wire.Rollback:
    return await call.services.rollback.look(call.of_app, call.query.number)


async def rollback(call: Call) -> wire.Rollback:
    return await call.services.rollback.run(call.of_app, call.who, call.body)


async def scale(call: Call) -> wire.Scaled:
    tell(**call.body.model_dump(exclude_none=True))
    return await call.services.scaling.run(call.of_app, call.who, call.body)
