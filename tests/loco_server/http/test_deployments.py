import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from loco_server.engines.base import CapacityError, EngineDownError, LogQuery
from loco_server.engines.log_choice import chosen
from loco_server.flows import unchecked as unchecked_module
from loco_server.gateway.tickets import deployment_key
from loco_server.identity_settings import IdentitySettings
from loco_server.policy import tokens
from loco_server.policy.base_images import BaseImage
from loco_server.settings import Limits
from loco_spec import api, names
from loco_spec.errors import (
    ConfigError,
    Conflict,
    EngineUnavailable,
    ImageRefused,
    InvalidRequest,
    NotFound,
    Refused,
    RegistryUnreachable,
    ServerFault,
    UsageError,
    from_problem,
)
from loco_spec.events import LogBatch, StreamFault
from loco_spec.kinds.service import Service
from loco_spec.quota import Quota
from tests.loco_server.http.api import Api, create, created, live, push, refused, running
from tests.loco_server.records.databases import DIGEST, Records, route
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

OTHER = "sha256:" + "d" * 64


async def test_a_first_deployment_gets_a_number_and_a_ticket_for_its_own_repository(
    server: Api, ann: httpx.AsyncClient
) -> None:
    made = await created(ann)
    assert (made.deployment.number, made.deployment.state) == (1, "created")
    assert made.deployment.urls == ("http://shop.localhost:7080/",)
    assert made.ticket is not None
    app = (await server.records.apps.all())[0]
    assert made.ticket.repository == f"ann/shop-{app.id}"
    assert made.ticket.username == deployment_key(app.id, 1)
    item = await server.records.deployments.get(app.id, 1)
    assert item is not None
    assert item.ticket_sha256 == tokens.digest(made.ticket.password)


async def test_a_pushed_image_is_accepted_and_its_tokens_close(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    answer = await push(server, ann, made)
    assert answer.json()["state"] == "accepted"
    app = (await server.records.apps.all())[0]
    assert server.closed.is_closed(deployment_key(app.id, 1))


async def test_the_tokens_are_closed_before_the_gates_read_the_image(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    app = (await server.records.apps.all())[0]
    seen: list[bool] = []
    server.registry.on_read = lambda: seen.append(server.closed.is_closed(deployment_key(app.id, 1)))
    await push(server, ann, made)
    assert seen == [True]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"user": ""}, "root"),
        ({"user": "nobody"}, "nobody"),
        ({"user": "10001:nogroup"}, "nogroup"),
        ({"user": "²"}, "²"),
        ({"size": 3_000_000_000}, "3.0 GB"),
    ],
)
async def test_a_refused_image_fails_the_deployment_with_the_reason(
    server: Api, ann: httpx.AsyncClient, image: dict[str, Any], said: str
) -> None:
    made = await created(ann)
    error = refused(await push(server, ann, made, **image))
    assert isinstance(error, ImageRefused)
    assert said in error.message
    shown = (await ann.get("/v1/teams/ann/apps/shop/deployments/1")).json()
    assert (shown["state"], shown["reason"]) == ("failed", error.message)


async def test_a_named_user_is_looked_up_in_the_image(server: Api, ann: httpx.AsyncClient) -> None:
    server.registry.users["web"] = 812
    answer = await push(server, ann, await created(ann), user="web")
    assert answer.status_code == 200
    app = (await server.records.apps.all())[0]
    item = await server.records.deployments.get(app.id, 1)
    assert item is not None
    assert item.user_id == 812


@pytest.mark.parametrize(("user", "group"), [("web:20002", 20002), ("812:staff", 50), ("web", None)])
async def test_the_group_of_an_image_is_kept_for_a_redeploy_too(
    server: Api, ann: httpx.AsyncClient, user: str, group: int | None
) -> None:
    server.registry.users["web"], server.registry.groups["staff"] = 812, 50
    made = await created(ann)
    await push(server, ann, made, user=user)
    app = (await server.records.apps.all())[0]
    [item] = await server.records.claims.claim("worker")
    await server.records.deployments.move(app.id, 1, "rolling", of=("accepted",), message="rolling")
    await server.records.claims.promote(item, message="live")
    await ann.post("/v1/teams/ann/apps/shop/redeploy")
    items = await server.records.deployments.of_app(app.id)
    assert [(found.user_id, found.group_id) for found in items] == [(812, group)] * 2


async def test_an_image_that_was_never_pushed_is_refused(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    error = refused(await ann.post("/v1/teams/ann/apps/shop/deployments/1/image", json={"digest": DIGEST}))
    assert isinstance(error, ImageRefused)


async def test_a_registry_that_is_down_is_no_fault_of_the_image(server: Api, ann: httpx.AsyncClient) -> None:
    server.registry.down = True
    assert isinstance(refused(await push(server, ann, await created(ann))), RegistryUnreachable)


async def test_the_same_image_a_second_time_gets_the_same_answer(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    await push(server, ann, made)
    assert (await push(server, ann, made)).json()["state"] == "accepted"
    assert isinstance(refused(await push(server, ann, made, digest=OTHER)), Conflict)


async def orphan(server: Api, made: api.DeploymentCreated, **image: Any) -> None:
    """Leave a deployment as a server does that is killed while it checks the image."""
    assert made.ticket is not None
    server.registry.push(made.ticket.repository, DIGEST, **image)
    app = (await server.records.apps.all())[0]
    moved = await server.records.deployments.move(
        app.id, made.deployment.number, "checking", of=("created",), message="checking", digest=DIGEST
    )
    assert moved


async def test_an_image_whose_check_was_lost_with_its_server_is_checked_when_it_is_asked_for_again(
    server: Api, ann: httpx.AsyncClient
) -> None:
    made = await created(ann)
    await orphan(server, made)
    assert (await push(server, ann, made)).json()["state"] == "accepted"


@pytest.mark.parametrize(("image", "state"), [({}, "accepted"), ({"user": "0"}, "failed")])
async def test_a_server_that_starts_checks_again_what_the_one_before_was_checking(
    server: Api, ann: httpx.AsyncClient, image: dict[str, str], state: str
) -> None:
    await orphan(server, await created(ann), **image)
    await server.services.deploy.unchecked.take_up()
    assert (await ann.get("/v1/teams/ann/apps/shop/deployments/1")).json()["state"] == state


async def test_among_several_servers_only_a_check_that_does_not_end_is_taken_up(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = server.services.deploy
    await deploy.unchecked.take_up()  # at the start: nothing to do
    await orphan(server, await created(ann))  # since then it may be another's, or a request's of this one
    state = partial(ann.get, "/v1/teams/ann/apps/shop/deployments/1")
    for _ in range(2):
        await deploy.unchecked.take_up()
        assert (await state()).json()["state"] == "checking"
    monkeypatch.setattr(unchecked_module, "CHECKER_GONE", 0.0)
    await deploy.unchecked.take_up()
    await deploy.unchecked.take_up()
    assert (await state()).json()["state"] == "accepted"


async def test_looking_for_lost_checks_goes_on_while_the_records_are_away(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchecked_module, "LOOK_EVERY", 0.01)
    await orphan(server, await created(ann))
    works, cuts = server.records.deployments.in_state, 1

    async def cut(*states: str) -> Any:
        nonlocal cuts
        if cuts:
            cuts -= 1
            raise OperationalError("SELECT", {}, Exception("the server closed the connection"))
        return await works(*states)

    monkeypatch.setattr(server.records.deployments, "in_state", cut)
    resuming = asyncio.create_task(server.services.deploy.resume())

    async def checked() -> bool:
        shown = await ann.get("/v1/teams/ann/apps/shop/deployments/1")
        return bool(shown.json()["state"] == "accepted")

    try:
        await eventually_async(checked)
    finally:
        resuming.cancel()
        await asyncio.gather(resuming, return_exceptions=True)


async def test_an_image_is_checked_once_however_many_ask_at_the_same_time(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    reads: list[None] = []
    server.registry.on_read = lambda: reads.append(None)
    answers = await asyncio.gather(*(push(server, ann, made) for _ in range(3)))
    assert [answer.json()["state"] for answer in answers] == ["accepted"] * 3
    assert len(reads) == 1


async def test_a_defect_in_the_check_is_the_deployments_end(server: Api, ann: httpx.AsyncClient) -> None:
    def stumble() -> None:
        raise RuntimeError("surprise")

    made = await created(ann)
    server.registry.on_read = stumble
    assert isinstance(refused(await push(server, ann, made)), ServerFault)
    shown = (await ann.get("/v1/teams/ann/apps/shop/deployments/1")).json()
    assert (shown["state"], shown["reason"]) == ("failed", "a defect of the server; its log has the trace")
    server.registry.on_read = lambda: None
    await orphan(server, await created(ann))
    server.registry.on_read = stumble
    await server.services.deploy.unchecked.take_up()
    assert (await ann.get("/v1/teams/ann/apps/shop/deployments/2")).json()["state"] == "failed"


async def test_nothing_changed_gives_out_no_number(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    again = await created(ann, digest=DIGEST)
    assert (again.unchanged, again.deployment.number, again.ticket) == (True, 1, None)


@pytest.mark.parametrize(
    "change", [{"spec": {"env": {"A": "1"}}}, {"digest": OTHER}, {"force": True}, {"digest": None}]
)
async def test_any_change_and_force_give_out_a_number(
    server: Api, ann: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    await live(server, ann)
    again = await created(ann, **{"digest": DIGEST, **change})
    assert (again.unchanged, again.deployment.number) == (False, 2)


async def test_an_image_that_turns_out_the_same_ends_its_number_and_shows_what_is_live(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    answer = await push(server, ann, await created(ann))
    assert (answer.json()["number"], answer.json()["state"]) == (1, "live")
    second = (await ann.get("/v1/teams/ann/apps/shop/deployments/2")).json()
    assert (second["state"], second["reason"]) == ("cancelled", "v1 is live, nothing changed")


async def test_an_older_deployment_that_arrives_last_is_superseded(server: Api, ann: httpx.AsyncClient) -> None:
    old, new = await created(ann), await created(ann, spec={"env": {"A": "2"}})
    assert (await push(server, ann, new)).json()["state"] == "accepted"
    shown = (await push(server, ann, old)).json()
    assert (shown["state"], shown["reason"]) == ("superseded", "v2 by ann is newer; nothing was changed")


async def test_a_cancelled_deployment_takes_no_image_and_its_tokens_close(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    assert (await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel")).json()["state"] == "cancelled"
    app = (await server.records.apps.all())[0]
    assert server.closed.is_closed(deployment_key(app.id, 1))
    assert isinstance(refused(await push(server, ann, made)), Conflict)


FAILURE = {
    "phase": "building",
    "cause": "build-step",
    "message": "the build failed at step RUN false: exit code: 1",
    "hint": "correct it, then: loco deploy",
    "seconds": 2.345,
    "evidence": [{"name": "step", "text": "RUN false"}],
    "lines": ["+ false"],
}


async def test_a_deployment_whose_build_failed_has_failed_and_says_why(server: Api, ann: httpx.AsyncClient) -> None:
    made = await created(ann)
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel", json={"failure": FAILURE})
    assert (answer.json()["state"], answer.json()["reason"]) == ("failed", FAILURE["message"])
    assert answer.json()["diagnosis"] == FAILURE | {"seconds": 2.3, "total": None}
    app = (await server.records.apps.all())[0]
    assert server.closed.is_closed(deployment_key(app.id, 1))
    assert isinstance(refused(await push(server, ann, made)), Conflict)


async def test_what_has_its_image_cannot_fail_by_a_clients_word(server: Api, ann: httpx.AsyncClient) -> None:
    await push(server, ann, await created(ann))
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel", json={"failure": FAILURE})
    assert (answer.json()["state"], answer.json()["diagnosis"]) == ("cancelled", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"phase": "health"},
        {"cause": "Oops!"},
        {"message": ""},
        {"seconds": -1},
        {"seconds": False},
        {"lines": ["x"] * 21},
        {"more": 1},
    ],
)
async def test_a_failure_that_is_none_changes_nothing(
    server: Api, ann: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    await created(ann)
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel", json={"failure": FAILURE | wrong})
    assert isinstance(refused(answer), InvalidRequest)
    assert (await ann.get("/v1/teams/ann/apps/shop/deployments/1")).json()["state"] == "created"


async def test_what_is_live_cannot_be_cancelled(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    assert isinstance(refused(await ann.post("/v1/teams/ann/apps/shop/deployments/1/cancel")), Conflict)


async def test_a_redeploy_is_a_new_number_of_the_same_image(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    answer = await ann.post("/v1/teams/ann/apps/shop/redeploy")
    assert answer.status_code == 201
    assert (answer.json()["number"], answer.json()["action"], answer.json()["digest"]) == (2, "redeploy", DIGEST)
    assert answer.json()["state"] == "accepted"


async def test_nothing_live_cannot_be_redeployed(server: Api, ann: httpx.AsyncClient) -> None:
    await created(ann)
    assert isinstance(refused(await ann.post("/v1/teams/ann/apps/shop/redeploy")), NotFound)


async def test_a_default_host_that_is_taken_gets_the_teams_name_and_a_note(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    made = await created(await server.client("bob"), team="bob")
    assert made.deployment.urls == ("http://shop-bob.localhost:7080/",)
    assert made.notes == ('host "shop" is taken, the app answers at shop-bob',)


async def test_a_host_that_is_asked_for_and_taken_is_refused_and_leaves_no_app(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    bob = await server.client("bob")
    error = refused(await create(bob, "bob", "mine", spec={"routes": [{"host": "shop"}]}))
    assert isinstance(error, Conflict)
    assert (await bob.get("/v1/teams/bob/apps")).json() == {"apps": []}


async def test_a_reserved_host_is_refused_written_out_too_and_leaves_no_app(
    server: Api, ann: httpx.AsyncClient
) -> None:
    error = refused(await create(ann, spec={"routes": [{"host": "api.localhost"}]}))
    assert isinstance(error, ConfigError)
    assert [fault.path for fault in error.fields] == ["routes[0].host"]
    assert (await ann.get("/v1/teams/ann/apps")).json() == {"apps": []}


async def test_too_many_routes_at_one_host_are_refused_and_leave_no_app(server: Api, ann: httpx.AsyncClient) -> None:
    routes = [{"host": ("shop", "shop.localhost")[n % 2], "path": f"/{n}"} for n in range(17)]
    error = refused(await create(ann, spec={"routes": routes}))
    assert isinstance(error, ConfigError)
    assert [fault.path for fault in error.fields] == ["routes[16]"]
    assert (await ann.get("/v1/teams/ann/apps")).json() == {"apps": []}


async def test_a_limit_of_the_spec_holds_whoever_sends_it(server: Api, ann: httpx.AsyncClient) -> None:
    body = {"spec": {"name": "shop", "deploy": {"drain": "24h"}}}
    error = refused(await ann.post("/v1/teams/ann/apps/shop/deployments", json=body))
    assert 'at most "10m"' in str([fault.message for fault in error.fields])


async def test_a_reserved_host_from_before_it_was_reserved_gets_no_further_than_the_gates(
    server: Api, ann: httpx.AsyncClient
) -> None:
    app = await server.records.app()
    item = await server.records.deployments.create(
        app, Service(name="shop"), [route("api.localhost")], action="deploy", created_by="ann"
    )
    server.registry.push(names.repository("ann", "shop", app.id), DIGEST)
    answer = await ann.post(f"/v1/teams/ann/apps/shop/deployments/{item.number}/image", json={"digest": DIGEST})
    assert isinstance(refused(answer), ConfigError)
    shown = (await ann.get(f"/v1/teams/ann/apps/shop/deployments/{item.number}")).json()
    assert shown["state"] == "failed"


async def test_a_full_disk_refuses_new_deployments_with_what_to_do(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    server.free = 1000
    assert isinstance(refused(await create(ann)), Refused)
    assert isinstance(refused(await ann.post("/v1/teams/ann/apps/shop/redeploy")), Refused)


async def test_a_team_has_a_most_of_apps(records: Records, tmp_path: Path) -> None:
    async with running(records, tmp_path, limits=Limits(team=Quota(apps=1))) as server:
        ann = await server.client("ann")
        await created(ann, app="one")
        assert isinstance(refused(await create(ann, app="two")), Refused)
        await created(ann, app="one")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(CapacityError("no subnet is left"), Refused), (EngineDownError("docker is down"), EngineUnavailable)],
)
async def test_an_engine_that_cannot_take_the_app_is_said_before_the_build(
    server: Api, ann: httpx.AsyncClient, raised: Exception, expected: type[Exception]
) -> None:
    server.engine.capacity = raised
    error = refused(await create(ann))
    assert isinstance(error, expected)
    assert str(raised) in error.message


async def test_a_spec_of_another_app_is_refused(server: Api, ann: httpx.AsyncClient) -> None:
    body = {"spec": {"name": "other"}}
    error = refused(await ann.post("/v1/teams/ann/apps/shop/deployments", json=body))
    assert type(error) is UsageError


async def test_image_in_the_spec_is_a_reference_or_the_fault_names_it(server: Api, ann: httpx.AsyncClient) -> None:
    spec = {"name": "shop", "image": "ghcr.io/acme/Shop:1"}
    error = refused(await ann.post("/v1/teams/ann/apps/shop/deployments", json={"spec": spec}))
    assert isinstance(error, InvalidRequest)
    assert [fault.path for fault in error.fields] == ["spec.image"]
    assert "lower case" in error.fields[0].message


@pytest.mark.parametrize(("spec", "way_out"), [({}, "USER 10001"), ({"image": "ghcr.io/acme/shop:1"}, "[security]")])
async def test_what_can_be_done_about_a_root_image_depends_on_where_it_is_from(
    server: Api, ann: httpx.AsyncClient, spec: dict[str, Any], way_out: str
) -> None:
    error = refused(await push(server, ann, await created(ann, spec=spec), user="root"))
    assert isinstance(error, ImageRefused)
    assert way_out in error.hint
    assert ("Dockerfile" in error.hint) == (not spec)


async def test_an_image_on_a_base_that_the_operator_does_not_list_is_refused(records: Records, tmp_path: Path) -> None:
    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    async with running(records, tmp_path, bases=(BaseImage("debian:12", (one,)),)) as server:
        ann = await server.client("ann")
        error = refused(await push(server, ann, await created(ann), diff_ids=(two, one)))
        assert isinstance(error, ImageRefused)
        assert "debian:12" in error.message
        assert (await push(server, ann, await created(ann), diff_ids=(one, two))).status_code == 200


async def test_the_server_tells_what_it_would_refuse(server: Api) -> None:
    shown = api.Server.model_validate((await (await server.client(None)).get("/v1/server")).json())
    assert (shown.platform, shown.image_bytes, shown.uncompressed_bytes) == (
        "linux/amd64",
        server.settings.limits.team.image,
        server.settings.limits.uncompressed_bytes,
    )


@pytest.mark.parametrize(
    "body", ["{", '{"spec": {"name": "shop"}, "surprise": 1}', '{"spec": {"name": 1}}', "x" * 2_000_000]
)
async def test_a_body_of_another_shape_is_refused_by_field(server: Api, ann: httpx.AsyncClient, body: str) -> None:
    answer = await ann.post("/v1/teams/ann/apps/shop/deployments", content=body)
    assert isinstance(refused(answer), UsageError)


async def test_a_deployment_is_followed_to_its_end_and_resumed_where_it_was_left(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await live(server, ann)
    events = "/v1/teams/ann/apps/shop/deployments/1/events"
    every = await ann.get(events, headers={"accept": "text/event-stream"})
    ids = [line.removeprefix("id: ") for line in every.text.splitlines() if line.startswith("id: ")]
    assert ids == [str(number) for number in range(1, len(ids) + 1)]
    assert every.text.rstrip().endswith("event: end\ndata: {}")
    rest = await ann.get(events, headers={"accept": "text/event-stream", "last-event-id": ids[-2]})
    assert [line for line in rest.text.splitlines() if line.startswith("id: ")] == [f"id: {ids[-1]}"]
    listed = await ann.get(events, params={"after": ids[-3]})
    assert [event["number"] for event in listed.json()["events"]] == [int(ids[-2]), int(ids[-1])]


async def test_a_deployment_that_is_not_there_is_not_found(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    for number in ("9", "x", "99999999999999999999", "v"):
        for rest in ("", "/events"):
            answer = await ann.get(f"/v1/teams/ann/apps/shop/deployments/{number}{rest}")
            assert isinstance(refused(answer), NotFound)


async def test_status_shows_what_is_live_what_is_newest_and_the_instances(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    await created(ann)
    shown = api.AppStatus.model_validate((await ann.get("/v1/teams/ann/apps/shop")).json())
    assert shown.live is not None
    assert shown.latest is not None
    assert (shown.live.number, shown.latest.number) == (1, 2)
    [summary] = (await ann.get("/v1/teams/ann/apps")).json()["apps"]
    assert (summary["live"], summary["state"]) == (1, "created")


async def test_status_is_given_without_instances_while_the_engine_is_down(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    server.engine.down = 1
    assert (await ann.get("/v1/teams/ann/apps/shop")).json()["instances"] == []


async def test_destroy_leaves_no_image_no_route_and_no_record(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    app = (await server.records.apps.all())[0]
    assert (await ann.delete("/v1/teams/ann/apps/shop")).json() == {"team": "ann", "app": "shop"}
    assert server.registry.images == {}
    assert await server.records.apps.route_owner("shop.localhost", "/") is None
    assert isinstance(refused(await ann.get("/v1/teams/ann/apps/shop")), NotFound)
    assert server.closed.is_closed(deployment_key(app.id, 1))


async def test_an_app_of_the_same_name_after_destroy_is_another_app(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    before = (await server.records.apps.all())[0]
    await ann.delete("/v1/teams/ann/apps/shop")
    made = await created(ann)
    assert made.deployment.number == 1
    assert (await server.records.apps.all())[0].id != before.id


async def test_logs_are_streamed_in_batches_with_positions(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    answer = await ann.get("/v1/teams/ann/apps/shop/logs", params={"lines": 2})
    assert [line for line in answer.text.splitlines() if line.startswith("id: ")] == ["id: p0", "id: p1"]
    assert answer.text.rstrip().endswith("event: end\ndata: {}")


async def test_the_lines_of_one_instance_and_of_what_is_over_are_asked_of_the_engine_for_ones_own_app(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LogQuery] = []

    async def heard(query: LogQuery) -> AsyncIterator[LogBatch]:
        asked.append(query)
        yield LogBatch(position="p")

    monkeypatch.setattr(server.engine, "logs", heard)
    await live(server, ann)
    await ann.get("/v1/teams/ann/apps/shop/logs", params={"instance": "v1-1", "previous": "1"})
    await ann.get("/v1/teams/ann/apps/shop/logs", params={"instance": "v1-1", "follow": "1"})
    await ann.get("/v1/teams/ann/apps/shop/logs")
    assert [(each.instance, each.previous) for each in asked] == [("v1-1", True), ("v1-1", False), (None, False)]
    assert {each.app.app_id for each in asked} == {(await server.records.apps.all())[0].id}


async def test_an_instance_that_the_app_does_not_have_is_not_found(
    server: Api, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(query: LogQuery) -> AsyncIterator[LogBatch]:
        chosen(query, frozenset({"v1-1"}), ())
        yield LogBatch(position="p")

    monkeypatch.setattr(server.engine, "logs", none)
    await live(server, ann)
    answer = await ann.get("/v1/teams/ann/apps/shop/logs", params={"instance": "v2-1"})
    data = next(line for line in answer.text.splitlines() if line.startswith('data: {"problem"'))
    error = from_problem(StreamFault.model_validate_json(data.removeprefix("data: ")).problem, status=500)
    assert isinstance(error, NotFound)
    assert (error.message, error.hint) == ("shop has no instance 'v2-1', live or kept", "one of v1-1")


async def test_logs_that_break_off_end_with_the_problem(server: Api, ann: httpx.AsyncClient) -> None:
    await live(server, ann)
    server.engine.down = 1
    answer = await ann.get("/v1/teams/ann/apps/shop/logs")
    assert "event: error" in answer.text
    assert "engine-unavailable" in answer.text
    assert "event: end" not in answer.text


@pytest.mark.parametrize("query", [{"lines": "many"}, {"since": "yesterday"}])
async def test_a_query_for_logs_that_makes_no_sense_is_refused(
    server: Api, ann: httpx.AsyncClient, query: dict[str, str]
) -> None:
    await live(server, ann)
    assert isinstance(refused(await ann.get("/v1/teams/ann/apps/shop/logs", params=query)), UsageError)


async def test_many_deployments_at_once_get_different_numbers(server: Api, ann: httpx.AsyncClient) -> None:
    made = await asyncio.gather(*(created(ann) for _ in range(6)))
    assert sorted(item.deployment.number for item in made) == [1, 2, 3, 4, 5, 6]


async def test_what_is_not_in_the_table_does_not_exist(server: Api, ann: httpx.AsyncClient) -> None:
    assert isinstance(refused(await ann.get("/v1/nothing")), NotFound)
    assert isinstance(refused(await ann.put("/v1/me")), UsageError)


async def test_an_image_from_elsewhere_is_refused_with_those_that_are_allowed(records: Records, tmp_path: Path) -> None:
    async with running(records, tmp_path, identity=IdentitySettings(allowed_images=("ghcr.io/acme",))) as server:
        ann = await server.client("ann")
        error = refused(await create(ann, spec={"image": "python:3"}))
        assert isinstance(error, ImageRefused)
        assert "docker.io/library/python" in error.message
        assert "ghcr.io/acme" in error.message
        assert await server.records.apps.all() == []
        await created(ann, spec={"image": "ghcr.io/acme/shop:1"})
        await created(ann)
