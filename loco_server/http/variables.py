"""Variables: set, unset, list, history, purge. No answer has a value in it."""

from loco_server.http.call import Call
from loco_spec import variables as wire


async def current(call: Call) -> wire.Variables:
    return await call.services.variables.current(call.of_app)


async def change(call: Call) -> wire.VariablesChanged:
    return await call.services.variables.change(
        call.of_team,
        call.request.path_params["app"],
        call.app,
        call.body,
        by=call.who,
    )


async def history(call: Call) -> wire.VariablesHistory:
    return await call.services.variables.history(call.of_app, call.request.query_params.get("name"))


async def purge(call: Call) -> wire.VariablePurged:
    return await call.services.variables.purge(call.of_app, call.request.path_params["name"])
