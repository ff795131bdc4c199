"""Variables over the API: what they do to deployments, and that no value ever comes back."""

import asyncio
import logging

import httpx
import pytest
from sqlalchemy import insert

from loco_server.records.tables import MEMBERSHIPS
from loco_spec import api
from loco_spec.errors import Conflict, InvalidRequest, NotAllowed, NotFound, Refused, UsageError
from loco_spec.variables import TOTAL_MAX, VALUE_MAX
from tests.loco_server.http.api import Api, create, created, live, push, refused
from tests.loco_server.records.databases import DIGEST

pytestmark = pytest.mark.anyio

SHOP = "/v1/teams/ann/apps/shop"
VARIABLES = f"{SHOP}/variables"
OTHER = "sha256:" + "b" * 64


async def change(client: httpx.AsyncClient, path: str = VARIABLES, **body: object) -> dict[str, object]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def states(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.get(VARIABLES)
    assert answer.status_code == 200
    return {item["name"]: item["state"] for item in answer.json()["variables"]}


async def roll(server: Api) -> None:
    """What the worker would do with all that is accepted."""
    for item in await server.records.claims.claim("worker"):
        await server.records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await server.records.claims.promote(item, message="live")


async def pins(server: Api, number: int) -> dict[str, int]:
    app = (await server.records.apps.all())[0]
    item = await server.records.deployments.get(app.id, number)
    assert item is not None
    return dict(item.variables)


async def test_what_is_set_rolls_the_live_image_and_spec_as_a_new_number(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann, spec={"port": 9000})
    found = await change(ann, set={"A": "sesame"})
    deployment = api.Deployment.model_validate(found["deployment"])
    assert (deployment.number, deployment.action, deployment.state) == (2, "variables", "accepted")
    assert (deployment.digest, deployment.created_by) == (DIGEST, "ann")
    assert (found["set"], found["waits"], found["made_app"]) == (["A"], False, False)
    assert await states(ann) == {"A": "staged"}
    await roll(server)
    assert await states(ann) == {"A": "deployed"}
    assert await pins(server, 2) == {"A": 1}


async def test_what_is_staged_waits_for_the_next_deployment_of_any_kind(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    found = await change(ann, set={"A": "1"}, stage=True)
    assert (found["deployment"], found["waits"]) == (None, True)
    assert await states(ann) == {"A": "staged"}
    assert (await ann.post(f"{SHOP}/redeploy")).status_code == 201
    await roll(server)
    assert await states(ann) == {"A": "deployed"}
    await change(ann, unset=["A"], stage=True)
    assert await states(ann) == {"A": "unset"}
    await change(ann, set={"B": "1"})
    await roll(server)
    assert await states(ann) == {"B": "deployed"}
    assert await pins(server, 3) == {"B": 1}


async def test_the_same_value_again_rolls_nothing_unless_it_was_staged(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await change(ann, set={"A": "1"}, stage=True)
    found = await change(ann, set={"A": "1"})
    assert (found["unchanged"], api.Deployment.model_validate(found["deployment"]).number) == (["A"], 2)
    again = await change(ann, set={"A": "1"})
    assert (again["unchanged"], again["deployment"], again["waits"]) == (["A"], None, False)


async def test_secrets_can_precede_the_first_deploy(server: Api, ann: httpx.AsyncClient) -> None:
    found = await change(ann, set={"A": "sesame"})
    assert (found["made_app"], found["deployment"], found["waits"]) == (True, None, True)
    assert (await change(ann, set={"B": "1"}))["made_app"] is False
    assert await states(ann) == {"A": "staged", "B": "staged"}
    number = await live(server, ann)
    assert await pins(server, number) == {"A": 1, "B": 1}
    assert await states(ann) == {"A": "deployed", "B": "deployed"}


async def test_an_app_is_not_made_for_nothing(server: Api, ann: httpx.AsyncClient) -> None:
    assert isinstance(refused(await ann.post(VARIABLES, json={"unset": ["A"]})), NotFound)
    named = "/v1/teams/ann/apps/No_Slug/variables"
    assert isinstance(refused(await ann.post(named, json={"set": {"A": "1"}})), UsageError)
    too_much = {f"A{n}": "v" * (VALUE_MAX // 2) for n in range(2 * TOTAL_MAX // VALUE_MAX - 1)}
    path = "/v1/teams/ann/apps/big/variables"
    assert (await ann.post(path, json={"set": too_much})).status_code == 200
    assert isinstance(refused(await ann.post(path, json={"set": {"B": "v" * 100_000}})), Refused)
    assert isinstance(refused(await ann.get(VARIABLES)), NotFound)
    assert [app.name for app in await server.records.apps.all()] == ["big"]


async def test_all_variables_of_an_app_have_a_limit(server: Api, ann: httpx.AsyncClient) -> None:
    most = VALUE_MAX - 10
    for n in range(TOTAL_MAX // VALUE_MAX):
        await change(ann, set={f"A{n}": "v" * most})
    error = refused(await ann.post(VARIABLES, json={"set": {"MORE": "v" * 100}}))
    assert isinstance(error, Refused)
    assert "the limit is" in error.message
    await change(ann, set={"MORE": "v" * 100}, unset=["A0"])


async def test_a_deploy_takes_what_was_set_while_it_was_built(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    await change(ann, set={"A": "1"})
    assert (await push(server, ann, made)).status_code == 200
    assert await pins(server, 1) == {"A": 1}


async def test_a_deploy_without_a_change_is_one_where_variables_wait(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    assert (await create(ann, digest=DIGEST)).json()["unchanged"] is True
    await change(ann, set={"A": "1"}, stage=True)
    made = await created(ann, digest=DIGEST)
    assert made.unchanged is False
    answer = api.Deployment.model_validate((await push(server, ann, made)).json())
    assert (answer.number, answer.state) == (made.deployment.number, "accepted")
    await roll(server)
    assert (await create(ann, digest=DIGEST)).json()["unchanged"] is True


async def test_what_is_being_rolled_out_is_what_a_change_stands_on(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    made = await created(ann, spec={"port": 9000})
    await push(server, ann, made, digest=OTHER)
    [item] = await server.records.claims.claim("worker")
    await server.records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
    found = await change(ann, set={"A": "1"})
    deployment = api.Deployment.model_validate(found["deployment"])
    assert (deployment.number, deployment.digest) == (3, OTHER)


async def test_a_deployment_that_comes_in_between_is_not_undone(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(server, ann)
    made = await created(ann)
    given, real = asyncio.Event(), server.records.deployments.create

    async def late(*args: object, **more: object) -> object:
        item = await real(*args, **more)  # type: ignore[arg-type]
        if not given.is_set():
            given.set()
            await push(server, ann, made, digest=OTHER)
        return item

    monkeypatch.setattr(server.records.deployments, "create", late)
    deployment = api.Deployment.model_validate((await ann.post(f"{SHOP}/redeploy")).json())
    assert (deployment.number, deployment.state, deployment.digest) == (4, "accepted", OTHER)
    third = (await ann.get(f"{SHOP}/deployments/3")).json()
    assert (third["state"], third["reason"]) == ("cancelled", "v1 is not the newest any more")


async def test_two_who_set_at_once_both_have_it(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await asyncio.gather(*(change(ann, set={f"A{n}": "1"}) for n in range(6)))
    await roll(server)
    assert await states(ann) == {f"A{n}": "deployed" for n in range(6)}


async def test_the_list_says_who_and_shows_a_digest_that_changes_with_the_value(
    server: Api, ann: httpx.AsyncClient
) -> None:
    shown = []
    for value in ("sesame", "open", "sesame"):
        await change(ann, set={"A": value})
        [item] = (await ann.get(VARIABLES)).json()["variables"]
        shown.append(item["digest"])
    assert (item["version"], item["set_by"]) == (3, "ann")
    assert shown[0] == shown[2] != shown[1]


async def test_a_purge_needs_it_unset_where_it_serves_and_tells_whom_it_hurts(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    await change(ann, set={"A": "1"})
    await roll(server)
    assert isinstance(refused(await ann.post(f"{VARIABLES}/A/purge")), Conflict)
    await change(ann, unset=["A"])
    await roll(server)
    answer = await ann.post(f"{VARIABLES}/A/purge")
    assert answer.json() == {"name": "A", "versions": 1, "deployments": [2]}
    actions = [item["action"] for item in (await ann.get(f"{VARIABLES}/history?name=A")).json()["versions"]]
    assert actions == ["unset", "purged"]


async def test_what_never_was_has_no_history_and_cannot_be_purged(server: Api, ann: httpx.AsyncClient) -> None:
    await change(ann, set={"A": "1"})
    assert isinstance(refused(await ann.get(f"{VARIABLES}/history?name=B")), NotFound)
    assert isinstance(refused(await ann.post(f"{VARIABLES}/B/purge")), NotFound)
    error = refused(await ann.post(f"{VARIABLES}/a%20b/purge"))
    assert error.message == "shop has no variable of that name"


@pytest.mark.parametrize(
    "body",
    [
        {"set": {"9A": "sesame"}},
        {"set": {"A" * 201: "sesame"}},
        {"set": {"A": "sesame\0"}},
        {"set": {"A": "sesame" * 30_000}},
        {"set": {"A": ["sesame"]}},
        {"set": {"A": "sesame"}, "unset": ["A"]},
        {"set": {"A": "sesame"}, "Stage": True},
        {"set": "sesame"},
        {"set": {"open sesame": "B"}},  # a value that lost its name
        {"set": {"open sesame": 1}},
        {"set": {"open sesame": {"more": 1}}},
        {"set": {"A": "B"}, "unset": ["open sesame"]},
        {},
    ],
)
async def test_a_request_that_is_none_is_refused_without_its_values(
    ann: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await ann.post(VARIABLES, json=body)
    assert isinstance(refused(answer), InvalidRequest)
    assert "sesame" not in answer.text


async def test_a_viewer_sees_names_and_sets_nothing(server: Api, ann: httpx.AsyncClient) -> None:
    await change(ann, set={"A": "1"})
    team, user = await server.records.team(), await server.records.people.signed_in("local", "vera", "vera")
    async with server.records.database.write() as db:
        await db.execute(insert(MEMBERSHIPS).values(team_id=team.id, user_id=user.id, role="viewer"))
    vera = await server.client("vera")
    assert (await vera.get(VARIABLES)).status_code == 200
    for answer in (await vera.post(VARIABLES, json={"unset": ["A"]}), await vera.post(f"{VARIABLES}/A/purge")):
        assert isinstance(refused(answer), NotAllowed)


async def test_no_answer_no_event_no_record_and_no_log_has_a_value(
    server: Api, ann: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await live(server, ann)
    said = [(await ann.post(VARIABLES, json={"set": {"A": "sesame"}})).text]
    await roll(server)
    said += [(await ann.post(VARIABLES, json={"set": {"A": "sesame"}, "stage": True})).text]
    said += [(await ann.get(path)).text for path in (VARIABLES, f"{VARIABLES}/history", SHOP, f"{SHOP}/deployments")]
    said += [(await ann.get(f"{SHOP}/deployments/2/events")).text]
    said += [(await ann.post(f"{VARIABLES}/A/purge")).text]
    await server.records.database.close()
    files = [
        path.read_bytes().decode(errors="replace") for path in server.settings.data_dir.rglob("*") if path.is_file()
    ]
    assert files
    for text in (*said, *files, caplog.text):
        assert "sesame" not in text
