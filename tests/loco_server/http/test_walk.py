"""Every endpoint, and everybody who may knock at it: the answer is the one that the table says.

It walks ENDPOINTS, so that what is added later is walked too. Whoever is refused changes nothing; whoever is let in
gets past authorization, whatever the endpoint then makes of a body that only has the right shape.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from loco_server.http import app as app_module
from loco_server.http.auth import authorize
from loco_server.http.endpoint import Endpoint
from loco_server.http.table import ENDPOINTS
from loco_server.policy.permissions import CAN, ROLES, Permission, token_allows
from loco_server.records.suspensions import Kind, Suspensions
from loco_spec.errors import LocoError, NotAllowed, NotFound
from tests.loco_server.http import world
from tests.loco_server.http.api import live, refused
from tests.loco_server.http.world import ACTORS, Actor, Template, World, make

pytestmark = pytest.mark.anyio

OF_A_TEAM = [endpoint for endpoint in ENDPOINTS if "{team}" in endpoint.path]
OF_AN_APP = [endpoint for endpoint in OF_A_TEAM if "{app}" in endpoint.path]


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return await make(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def there(template: Template, tmp_path: Path) -> Any:
    async with template.opened(tmp_path / "copy") as found:
        yield found


@pytest.fixture
def let_in(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note of each request whether it got past authorization: a 404 of the handler's own is no refusal."""
    noted: list[bool] = []

    async def watched(*args: Any) -> Any:
        noted.append(False)
        found = await authorize(*args)
        noted[-1] = True
        return found

    monkeypatch.setattr(app_module, "authorize", watched)
    return noted


def filled(path: str, *, team: str = "acme", app: str = "shop") -> str:
    parts = defaultdict(lambda: "aaaaaaaaaa", team=team, app=app, number="1", login="vic")
    parts |= {"invitation": world.INVITATION, "token": world.TOKEN}
    return path.format_map(parts)


def body(model: type[BaseModel] | None) -> Any:
    """Give a body with the model's required fields, each of about the right kind."""
    if model is None:
        return None
    found: dict[str, Any] = {}
    schema = model.model_json_schema()
    for name in schema.get("required", ()):
        field = schema["properties"][name]
        if "enum" in field:
            found[name] = field["enum"][-1]
        elif name == "spec":
            found[name] = {"name": "shop"}
        else:
            found[name] = {"integer": 1, "boolean": True, "array": [], "object": {}}.get(
                field.get("type"), "aaaaaaaaaa"
            )
    return found


def expected(endpoint: Endpoint, actor: Actor) -> int | None:
    """Give the status of the refusal that the table demands; None: let in."""
    permission = endpoint.permission
    if permission is Permission.PUBLIC:
        return None
    if actor.refused is not None:
        return actor.refused
    if permission is Permission.ACCOUNT:
        return None if actor.can is None else 403
    if "{team}" not in endpoint.path:
        return None
    if actor.role is None:
        return 404
    if permission not in ROLES[actor.role] or (actor.can is not None and permission not in CAN[actor.can]):
        return 403
    if actor.frozen and endpoint.changes:
        return 403
    if actor.app is not None and "{app}" not in endpoint.path:
        return 403
    return 404 if actor.app not in {None, "shop"} else None


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
async def test_everybody_gets_the_answer_that_the_table_says(
    template: Template, tmp_path: Path, let_in: list[bool], endpoint: Endpoint
) -> None:
    out = [actor for actor in ACTORS if expected(endpoint, actor) is not None]
    async with template.opened(tmp_path / "refused") as here:
        before = await here.rows()
        for actor in out:
            answer = await ask(here, endpoint, actor)
            assert (answer.status_code, let_in[-1]) == (expected(endpoint, actor), False), actor
            refused(answer)
        assert await here.rows() == before
    for actor in ACTORS:
        if actor not in out:
            async with template.opened(tmp_path / actor.name) as here:
                answer = await ask(here, endpoint, actor)
                assert let_in[-1], f"{actor}: {answer.text}"
                assert answer.status_code != 500, f"{actor}: {answer.text}"


async def ask(here: World, endpoint: Endpoint, actor: Actor) -> httpx.Response:
    return await here.ask(actor.name, endpoint.method, filled(endpoint.path, team=actor.team), body(endpoint.request))


@pytest.mark.parametrize("endpoint", OF_A_TEAM, ids=name_of)
@pytest.mark.parametrize("actor", ["omar", "of-another-team", "can-admin-of-nobody"])
async def test_another_teams_things_look_like_nothing_by_body_headers_and_statements(
    there: World, endpoint: Endpoint, actor: str
) -> None:
    what = (endpoint.method, body(endpoint.request))
    await same_as_nothing(there, actor, what, filled(endpoint.path), filled(endpoint.path, team="acmf"))


@pytest.mark.parametrize(
    "endpoint", [each for each in OF_AN_APP if token_allows("admin", each.permission)], ids=name_of
)
async def test_another_app_looks_like_nothing_to_a_token_for_one_app(there: World, endpoint: Endpoint) -> None:
    what = (endpoint.method, body(endpoint.request))
    theirs, nothing = filled(endpoint.path), filled(endpoint.path, app="shoq")
    await same_as_nothing(there, "of-another-app", what, theirs, nothing)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"/v1/teams/other/invitations/{world.INVITATION}"),
        ("DELETE", f"/v1/teams/other/tokens/{world.TOKEN}"),
        ("DELETE", "/v1/teams/other/members/olga"),
    ],
)
async def test_another_teams_invitations_tokens_and_people_look_like_nothing_through_ones_own_team(
    there: World, method: str, path: str
) -> None:
    parent, _, last = path.rpartition("/")
    await same_as_nothing(there, "omar", (method, None), path, f"{parent}/{'q' * len(last)}")


async def same_as_nothing(there: World, actor: str, what: tuple[str, Any], theirs: str, nothing: str) -> None:
    """Ask for both: the answers must differ in the name alone that was asked for."""
    method, sent = what
    there_, asked = await there.statements(actor, method, theirs, sent)
    none, asked_of_nothing = await there.statements(actor, method, nothing, sent)
    assert isinstance(refused(there_), NotFound)
    [(old, new)] = {(a, b) for a, b in zip(theirs.split("/"), nothing.split("/"), strict=True) if a != b}
    assert there_.text == none.text.replace(new, old)
    assert there_.headers == none.headers
    assert asked == asked_of_nothing
    assert asked


async def test_somebody_elses_session_looks_like_no_session(there: World) -> None:
    session = (await there.ask("olga", "GET", "/v1/account/sessions")).json()["sessions"][0]["id"]
    await same_as_nothing(
        there, "omar", ("DELETE", None), f"/v1/account/sessions/{session}", "/v1/account/sessions/qqqqqqqqqq"
    )


async def test_a_suspended_team_says_why_it_changes_nothing(there: World) -> None:
    error: LocoError = refused(await there.ask("olga", "DELETE", "/v1/teams/frozen/apps/shop"))
    assert isinstance(error, NotAllowed)
    assert "suspended: mining" in error.message
    assert (await there.ask("olga", "GET", "/v1/teams/frozen/apps/shop")).status_code == 200


@pytest.mark.parametrize("kind", ["app", "user"])
@pytest.mark.parametrize("endpoint", OF_AN_APP, ids=name_of)
async def test_a_suspended_app_can_be_looked_at_and_says_why_nothing_of_it_changes(
    there: World, let_in: list[bool], endpoint: Endpoint, kind: Kind
) -> None:
    suspensions = Suspensions(there.server.records.database)
    # With its person goes a personal team, for the others in it too.
    place, name = ("acme", "acme/shop") if kind == "app" else ("omar", "omar")
    if kind == "user":
        await live(there.server, await there.server.client("omar"), "omar", "shop")
        await there.member("olga", "omar", "owner")
    subject = await suspensions.find(kind, name)
    assert subject is not None
    await suspensions.set(subject, "mines coins")
    answer = await there.ask("olga", endpoint.method, filled(endpoint.path, team=place), body(endpoint.request))
    if endpoint.changes:
        error = refused(answer)
        assert isinstance(error, NotAllowed)
        assert "is suspended: mines coins" in error.message
    assert let_in[-1] is not endpoint.changes
    if kind == "app":
        await there.ask("olga", endpoint.method, filled(endpoint.path, app="blog"), body(endpoint.request))
        assert let_in[-1]
