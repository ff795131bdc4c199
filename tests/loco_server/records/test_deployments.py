import asyncio

import pytest
from sqlalchemy import delete

from loco_server.records.apps import RouteTakenError
from loco_server.records.claims import CancelRequestedError, ClaimLostError
from loco_server.records.tables import TEAMS
from loco_spec.errors import Conflict, Diagnosis
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, Records, route

pytestmark = pytest.mark.anyio

DIAGNOSIS = Diagnosis(phase="starting", seconds=1.5, cause="exited", message="it exited", hint="look", lines=("x",))


async def test_numbers_rise_by_one_however_many_ask_at_once(records: Records) -> None:
    app = await records.app()
    made = await asyncio.gather(
        *(
            records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
            for _ in range(10)
        )
    )
    assert sorted(item.number for item in made) == list(range(1, 11))


async def test_a_spec_from_before_there_was_a_limit_is_read_and_counted_all_the_same(records: Records) -> None:
    app = await records.app()
    old = Service.stored({"name": "shop", "deploy": {"drain": "24h"}, "scale": {"replicas": 2}})
    item = await records.deployments.create(app, old, [], action="deploy", created_by="ann")
    assert await records.deployments.accept(app, item.number, digest=DIGEST, user_id=1, of="created") == "accepted"
    found = await records.deployments.newest_ahead(app.id)
    assert found is not None
    assert found.spec == old
    seen: list[int] = []
    await records.deployments.create(
        app, old, [], action="redeploy", created_by="ann", judge=lambda used: seen.append(used.own["replicas"])
    )
    assert seen == [2]


async def test_every_change_of_state_leaves_an_event_and_their_numbers_have_no_gap(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    await records.events.add(app.id, number, "building")
    await records.deployments.move(app.id, number, "failed", of=("accepted",), message="it exited", diagnosis=DIAGNOSIS)
    events = await records.events.after(app.id, number, 0)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert [event.detail.get("state") for event in events if event.kind == "state"] == ["created", "accepted", "failed"]
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert (item.diagnosis, item.reason) == (DIAGNOSIS, "it exited")
    assert item.ended_at is not None


async def test_a_move_from_another_state_changes_nothing(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    assert not await records.deployments.move(app.id, number, "checking", of=("created",), message="x")
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert item.state == "accepted"


async def test_an_older_deployment_that_arrives_last_is_superseded(records: Records) -> None:
    app = await records.app()
    old, new = [
        await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann") for _ in "12"
    ]
    assert await records.deployments.accept(app, new.number, digest=DIGEST, user_id=1, of="created") == "accepted"
    assert await records.deployments.accept(app, old.number, digest=DIGEST, user_id=1, of="created") == "superseded"
    item = await records.deployments.get(app.id, old.number)
    assert item is not None
    assert item.reason == "v2 by ann is newer; nothing was changed"


async def test_a_newer_deployment_supersedes_one_that_waits(records: Records) -> None:
    app = await records.app()
    first = await records.accepted(app)
    await records.accepted(app)
    item = await records.deployments.get(app.id, first)
    assert item is not None
    assert item.state == "superseded"


async def test_an_app_has_one_rollout_at_a_time(records: Records) -> None:
    app = await records.app()
    first = await records.accepted(app)
    [claimed] = await records.claims.claim("w1")
    assert claimed.number == first
    await records.deployments.move(app.id, first, "rolling", of=("accepted",), message="rolling")
    second = await records.accepted(app)
    assert await records.claims.claim("w1") == []
    await records.claims.promote(claimed, message="live")
    assert [item.number for item in await records.claims.claim("w1")] == [second]


async def test_promotion_replaces_the_one_before_and_drops_its_routes(records: Records) -> None:
    app = await records.app()
    for host in ("old.localhost", "new.localhost"):
        await records.accepted(app, host=host)
        [item] = await records.claims.claim("w1")
        await records.deployments.move(app.id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await records.claims.promote(item, message="live")
    assert [item.state for item in await records.deployments.of_app(app.id)] == ["live", "replaced"]
    assert await records.apps.route_owner("old.localhost", "/") is None
    assert await records.apps.route_owner("new.localhost", "/") == app.id


async def test_a_worker_that_lost_its_claim_can_neither_go_on_nor_promote(records: Records) -> None:
    app = await records.app()
    await records.accepted(app)
    [old] = await records.claims.claim("w1")
    await records.deployments.move(app.id, old.number, "rolling", of=("accepted",), message="rolling")
    [new] = await records.claims.take_over("w2")
    assert new.attempt == old.attempt + 1
    with pytest.raises(ClaimLostError):
        await records.claims.still_ours(old)
    assert not await records.claims.promote(old, message="live")
    assert not await records.deployments.move(
        app.id, old.number, "failed", of=("rolling",), message="x", owner=old.owner, attempt=old.attempt
    )
    await records.claims.still_ours(new)
    assert await records.claims.promote(new, message="live")


async def test_a_request_to_cancel_reaches_the_worker_at_its_next_step(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    [item] = await records.claims.claim("w1")
    assert not await records.deployments.request_cancel(app.id, number)
    await records.deployments.move(app.id, number, "rolling", of=("accepted",), message="rolling")
    assert await records.deployments.request_cancel(app.id, number)
    with pytest.raises(CancelRequestedError):
        await records.claims.still_ours(item)


async def test_a_host_of_another_team_is_refused_and_the_state_stays(records: Records) -> None:
    await records.accepted(await records.app("shop", "ann"), host="shop.localhost")
    theirs = await records.app("shop", "bob")
    item = await records.deployments.create(
        theirs, Service(name="shop"), [route("shop.localhost", "/other")], action="deploy", created_by="bob"
    )
    with pytest.raises(RouteTakenError):
        await records.deployments.accept(theirs, item.number, digest=DIGEST, user_id=1, of="created")
    found = await records.deployments.get(theirs.id, item.number)
    assert found is not None
    assert found.state == "created"


async def test_two_apps_of_a_team_share_a_host_by_path(records: Records) -> None:
    ui, backend = await records.app("ui"), await records.app("api")
    for app, path in ((ui, "/"), (backend, "/api")):
        item = await records.deployments.create(
            app, Service(name=app.name), [route("shop.localhost", path)], action="deploy", created_by="ann"
        )
        assert await records.deployments.accept(app, item.number, digest=DIGEST, user_id=1, of="created") == "accepted"
    assert await records.apps.route_owner("shop.localhost", "/api") == backend.id


async def test_the_host_of_a_team_that_is_gone_is_held_all_the_same(records: Records) -> None:
    app = await records.app("shop", "ann")
    await records.accepted(app, host="shop.localhost")
    await records.apps.delete(app.id)
    async with records.database.write() as db:
        await db.execute(delete(TEAMS).where(TEAMS.c.id == app.team_id))
    assert await records.apps.host_owner("shop.localhost") == ""
    with pytest.raises(RouteTakenError):
        await records.accepted(await records.app("shop", "bob"), host="shop.localhost")


async def test_a_destroyed_apps_host_stays_its_teams_for_a_while(records: Records) -> None:
    app = await records.app("shop", "ann")
    await records.accepted(app)
    await records.apps.delete(app.id)
    assert await records.apps.by_id(app.id) is None
    assert await records.apps.host_owner("shop.localhost") == app.team_id


async def test_a_number_cannot_be_had_once_the_app_is_being_destroyed(records: Records) -> None:
    app = await records.app()
    await records.apps.mark_destroying(app.id)
    with pytest.raises(Conflict, match="being destroyed"):
        await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")


async def test_a_stale_attempt_cannot_say_that_the_release_command_ran(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    [stale] = await records.claims.claim("first")
    await records.deployments.move(app.id, number, "rolling", of=("accepted",), message="rolling")
    [heir] = await records.claims.take_over("second")
    with pytest.raises(ClaimLostError):
        await records.claims.set_released(stale)
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert not item.released
    await records.claims.set_released(heir)
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert item.released
