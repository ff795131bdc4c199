"""From a request to the person, the team and the app it is about, or to a refusal. Deny by default."""

from dataclasses import replace
from functools import partial

from starlette.requests import Request

from loco_server.flows.login import Caller
from loco_server.http.call import Call, Services, address
from loco_server.http.endpoint import Endpoint
from loco_server.http.problems import request_id
from loco_server.http.rates import network
from loco_server.policy import suspension
from loco_server.policy.permissions import Permission, allows, token_allows
from loco_server.records.change import tell
from loco_server.records.values import AppRecord, TeamRecord
from loco_spec.errors import ClientTooOld, NotAllowed, NotFound, NotSignedIn
from loco_spec.version import VERSION, VERSION_HEADER, version_tuple

MINIMUM_VERSION = "0.1.0"


async def authorize(endpoint: Endpoint, request: Request, services: Services, *, begun: bool = False) -> Call:
    """Check version, token, membership and permission, and find the app.

    `begun`: once more, for an answer that goes on; it is no request of its own, and a token may have run out since.

    Raises:
        LocoError: the refusal. Another team's things answer exactly as things that do not exist.
    """
    check_version(request.headers.get(VERSION_HEADER))
    if endpoint.permission is Permission.PUBLIC:
        return Call(request=request, services=services)
    caller = await _caller(request, services, begun=begun)
    if endpoint.permission is Permission.ACCOUNT and caller.token.can is not None:
        raise NotAllowed("this is for the person, and the token is a machine's", hint="loco login")
    team_name = request.path_params.get("team")
    if team_name is None:
        return Call(request=request, services=services, caller=caller)
    membership = await _membership(services, caller.user.id, team_name, begun=begun)
    if membership is None:
        raise NotFound(f"there is no team {team_name}, or you are not in it", hint="loco whoami")
    team, role = membership
    token = caller.token
    if token.team_id not in {None, team.id}:
        raise NotFound(f"there is no team {team_name}, or you are not in it", hint="loco whoami")
    refuse_without(endpoint.permission, token.can, role, team.name)
    if endpoint.changes:
        suspension.refuse_team(team)
    app_name = request.path_params.get("app")
    if token.app_id is not None and app_name is None:
        raise NotAllowed(f"this token is for app {token.app} alone, and not for the whole team", hint="loco login")
    app = None if app_name is None else await _app(services, team.id, app_name, begun=begun)
    if token.app_id is not None and (app is None or app.id != token.app_id):
        raise NotFound(f"team {team.name} has no app {app_name}", hint="loco apps")
    if app is None and app_name is not None and not endpoint.makes_app:
        raise NotFound(f"team {team.name} has no app {app_name}", hint="loco apps")
    if app is not None and endpoint.changes:
        suspension.refuse_app(app)
    return Call(request=request, services=services, caller=caller, team=team, role=role, app=app)


def refuse_without(permission: Permission, can: str | None, role: str, team: str) -> None:
    """Refuse what neither the token (`can`) nor the role in the team lets anybody do.

    Raises:
        NotAllowed: with the permission that is missing.
    """
    if not token_allows(can, permission):
        raise NotAllowed(f"this token can {can}, and may not do this ({permission})", hint="loco login")
    if not allows(role, permission):
        raise NotAllowed(f"a {role} of team {team} may not do this ({permission})", hint="loco whoami")


async def awake(endpoint: Endpoint, call: Call) -> Call:
    """Whoever changes an app that is stopped because nobody used it uses it: it runs again."""
    app = call.app
    if app is None or not app.unused or not endpoint.changes:
        return call
    if not await call.services.uses.wake(app.id):
        raise NotAllowed(app.suspended or "the app is suspended", hint=suspension.HINT)
    tell(woken=True)
    return replace(call, app=await call.services.apps.by_id(app.id) or app)


def check_version(text: str | None) -> None:
    """Turn away clients that are too old to be understood.

    Raises:
        ClientTooOld: with the line that upgrades.
    """
    if text is None:
        return  # curl, a browser: the API's own checks are enough
    try:
        old = version_tuple(text) < version_tuple(MINIMUM_VERSION)
    except ValueError:
        old = True
    if old:
        raise ClientTooOld(
            f"this loco is version {text[:20]}, and the server ({VERSION}) needs {MINIMUM_VERSION} or newer",
            hint="pip install --upgrade loco-deploy",
        )


async def _caller(request: Request, services: Services, *, begun: bool) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("you are not signed in", hint="loco login")
    text = token.strip()
    if begun:
        return await services.again.ask(("token", text), partial(services.login.caller, text, begun=True))
    with services.rates.token(network(request)):
        caller = await services.login.caller(text, address=address(request), request_id=request_id(request))
    services.rates.use(caller.token.id)
    request.state.user = caller.user.id  # for the line in the log
    return caller


async def _membership(services: Services, user_id: str, team: str, *, begun: bool) -> tuple[TeamRecord, str] | None:
    ask = partial(services.people.membership, user_id, team)
    return await services.again.ask(("membership", user_id, team), ask) if begun else await ask()


async def _app(services: Services, team_id: str, name: str, *, begun: bool) -> AppRecord | None:
    if not begun:
        return await services.apps.find(team_id, name)
    # One question for all streams of a team: who follows many logs follows those of one team.
    found = await services.again.ask(("apps", team_id), partial(services.apps.of_team, team_id))
    return next((app for app in found if app.name == name), None)
