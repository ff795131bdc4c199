"""Trust in CI jobs, and from where an app may be deployed."""

from loco_server.http.call import Call
from loco_spec import api, trust


async def login_ci(call: Call) -> api.SignedIn:
    return await call.services.trust.exchange(call.body)


async def rules(call: Call) -> trust.TrustRules:
    return await call.services.trust.rules(call.of_team)


async def add(call: Call) -> trust.TrustRule:
    return await call.services.trust.add(call.of_team, call.who, call.body)


async def remove(call: Call) -> trust.TrustRuleRemoved:
    return await call.services.trust.remove(call.of_team, call.request.path_params["rule"])


async def source(call: Call) -> trust.Source:
    return await call.services.trust.source(call.of_app)


async def require(call: Call) -> trust.Source:
    return await call.services.trust.require(call.of_app, call.body)
