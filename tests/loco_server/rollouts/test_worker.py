import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from loco_server.engines.base import EngineDownError, ReleaseResult
from loco_server.gateway.tickets import PullTickets
from loco_server.records.values import AppRecord
from loco_server.rollouts import runner
from loco_server.rollouts import worker as worker_module
from loco_server.rollouts.plan import Planner
from loco_server.rollouts.worker import Worker
from loco_server.sealing import Key
from loco_server.settings import Settings
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import DIAGNOSIS, FakeEngine
from tests.loco_server.records.databases import Records
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def make(records: Records, engine: FakeEngine, settings: Settings, *, shared: bool = False) -> Worker:
    planner = Planner(
        settings=settings,
        apps=records.apps,
        deployments=records.deployments,
        variables=records.variables,
        pull_tickets=PullTickets(b"k" * 32),
        host=engine.host,
    )
    return Worker(
        engine=engine,
        deployments=records.deployments,
        claims=records.claims,
        planner=planner,
        shared=shared,
    )


@pytest.fixture
async def worker(records: Records, engine: FakeEngine, settings: Settings) -> AsyncIterator[Worker]:
    found = make(records, engine, settings)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await found.close()


async def state_of(records: Records, app: AppRecord, number: int) -> str:
    item = await records.deployments.get(app.id, number)
    assert item is not None
    return item.state


async def until(records: Records, app: AppRecord, number: int, *states: str) -> None:
    async def reached() -> bool:
        return await state_of(records, app, number) in states

    await eventually_async(reached)


async def test_an_accepted_deployment_goes_live_with_the_engines_steps_as_events(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "live")
    messages = [event.message for event in await records.events.after(app.id, number, 0)]
    assert messages[2:4] == ["rolling out 1 instance", "v1-1 is healthy"]
    unit = engine.running[app.id].unit
    assert unit.image.startswith(f"127.0.0.1:7050/ann/shop-{app.id}@sha256:")
    assert ("LOCO_URL", "http://shop.localhost:7080/") in unit.env


@pytest.mark.parametrize("error", [None, EngineDownError("it is down"), ValueError("a defect")])
async def test_what_is_live_is_tidied_after_and_stays_live_whatever_comes_of_that(
    records: Records, engine: FakeEngine, worker: Worker, error: Exception | None
) -> None:
    engine.untidy = error
    app = await records.app()
    for number in (1, 2):
        await records.accepted(app)
        await until(records, app, number, "live")
    await eventually_async(lambda: _is(engine.tidied, [app.name] * 2))
    assert await state_of(records, app, 2) == "live"
    assert engine.withdrawn == []


async def _is(found: list[str], wanted: list[str]) -> bool:
    return found == wanted


async def test_a_failed_rollout_keeps_its_diagnosis_and_the_previous_stays_live(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    first = await records.accepted(app)
    await until(records, app, first, "live")
    engine.fail = DIAGNOSIS
    second = await records.accepted(app)
    await until(records, app, second, "failed")
    item = await records.deployments.get(app.id, second)
    assert item is not None
    assert item.diagnosis == DIAGNOSIS
    assert await state_of(records, app, first) == "live"


async def test_a_second_deployment_waits_for_the_first_and_then_rolls(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    engine.hold = asyncio.Event()
    first = await records.accepted(app)
    await until(records, app, first, "rolling")
    second = await records.accepted(app)
    third = await records.accepted(app)
    assert await state_of(records, app, second) == "superseded"
    engine.hold.set()
    await until(records, app, third, "live")
    assert engine.rolled == [first, third]


async def test_a_cancelled_rollout_stops_at_its_next_step(records: Records, engine: FakeEngine, worker: Worker) -> None:
    app = await records.app()
    engine.hold = asyncio.Event()
    number = await records.accepted(app)
    await until(records, app, number, "rolling")
    assert await records.deployments.request_cancel(app.id, number)
    engine.hold.set()
    await until(records, app, number, "cancelled")
    await eventually_async(lambda: withdrawn(engine, number))
    assert engine.rolled == []


async def test_an_engine_that_does_not_answer_concludes_nothing(
    records: Records, engine: FakeEngine, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ENGINE_DOWN_RETRY", 0.01)
    engine.down = 3
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "live")
    notes = [event for event in await records.events.after(app.id, number, 0) if event.kind == "note"]
    assert len(notes) == 3


async def test_an_engine_that_stays_away_ends_the_deployment_in_time(
    records: Records, engine: FakeEngine, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ENGINE_DOWN_RETRY", 0.01)
    monkeypatch.setattr(runner, "ENGINE_DOWN_LIMIT", 0.03)
    engine.down = 10**6
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "failed")


async def test_a_new_worker_takes_over_what_a_killed_one_was_rolling(
    records: Records, engine: FakeEngine, settings: Settings
) -> None:
    app = await records.app()
    number = await records.accepted(app)
    await records.claims.claim("killed")
    await records.deployments.move(app.id, number, "rolling", of=("accepted",), message="rolling")
    heir = make(records, engine, settings)
    await heir.resume()
    await until(records, app, number, "live")
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert item.attempt == 2
    await heir.close()


async def test_what_was_claimed_and_not_begun_is_begun_by_the_next_worker(
    records: Records, engine: FakeEngine, settings: Settings
) -> None:
    app = await records.app()
    number = await records.accepted(app)
    await records.claims.claim("killed")
    heir = make(records, engine, settings)
    await heir.resume()
    task = asyncio.create_task(heir.run())
    await until(records, app, number, "live")
    task.cancel()
    await heir.close()


async def withdrawn(engine: FakeEngine, number: int) -> bool:
    return engine.withdrawn == [number]


def with_release(command: str) -> Service:
    return Service.model_validate({"name": "shop", "deploy": {"release_command": [command]}})


async def test_the_release_command_runs_where_image_or_command_changed_and_not_again(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    for command in ("migrate", "migrate", "migrate-more"):
        number = await records.accepted(app, spec=with_release(command))
        await until(records, app, number, "live")
    assert engine.released == [("migrate",), ("migrate-more",)]


async def of(records: Records, app: AppRecord, base: int, action: str, *, release: bool = False) -> int:
    """Give the number of a deployment that rolls another one again, or back to it."""
    before, ahead = await records.deployments.get(app.id, base), await records.deployments.newest_ahead(app.id)
    assert before is not None
    assert ahead is not None
    item = await records.deployments.create(
        app, before.spec, before.routes, action=action, created_by="ann", base=base, release=release
    )
    digest = before.digest or ""
    await records.deployments.accept(app, item.number, digest=digest, user_id=1, of="created", ahead=ahead.number)
    return item.number


async def test_going_back_runs_no_release_command_unless_it_is_asked_for(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    for command in ("one", "two"):
        number = await records.accepted(app, spec=with_release(command))
        await until(records, app, number, "live")
    assert engine.released == [("one",), ("two",)]
    for base, action in ((1, "rollback"), (3, "scale"), (4, "variables"), (5, "redeploy")):
        await until(records, app, await of(records, app, base, action), "live")
    assert engine.released == [("one",), ("two",)]
    await until(records, app, await of(records, app, 2, "rollback", release=True), "live")
    assert engine.released == [("one",), ("two",), ("two",)]


async def test_a_scale_that_overtakes_a_rollback_runs_no_release_command_either(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    for command in ("one", "two"):
        number = await records.accepted(app, spec=with_release(command))
        await until(records, app, number, "live")
    engine.hold = asyncio.Event()
    await until(records, app, await of(records, app, 2, "redeploy"), "rolling")
    rollback = await of(records, app, 1, "rollback")
    scale = await of(records, app, rollback, "scale")
    engine.hold.set()
    await until(records, app, scale, "live")
    assert await state_of(records, app, rollback) == "superseded"
    assert engine.released == [("one",), ("two",)]


async def test_a_scale_of_an_image_that_never_was_live_runs_its_release_command(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    await until(records, app, await records.accepted(app), "live")
    engine.hold = asyncio.Event()
    await until(records, app, await of(records, app, 1, "redeploy"), "rolling")
    deploy = await records.accepted(app, spec=with_release("migrate"))
    scale = await of(records, app, deploy, "scale")
    engine.hold.set()
    await until(records, app, scale, "live")
    assert engine.released == [("migrate",)]


@pytest.mark.parametrize(("exit_code", "said"), [(3, "exit code 3"), (None, "outcome is unknown")])
async def test_a_failed_release_command_ends_the_deployment_before_any_traffic(
    records: Records, engine: FakeEngine, worker: Worker, exit_code: int | None, said: str
) -> None:
    engine.release_result = ReleaseResult(exit_code=exit_code, lines=("no such table",))
    app = await records.app()
    number = await records.accepted(app, spec=with_release("migrate"))
    await until(records, app, number, "failed")
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert item.diagnosis is not None
    assert said in item.diagnosis.message
    assert item.diagnosis.lines == ("no such table",)
    assert engine.rolled == []


async def test_reconcile_wants_what_is_live_and_leaves_alone_what_is_rolling(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    still, moving = await records.app("still"), await records.app("moving")
    await until(records, still, await records.accepted(still), "live")
    engine.hold = asyncio.Event()
    number = await records.accepted(moving)
    await until(records, moving, number, "rolling")
    await worker.reconcile()
    wanted, busy = engine.reconciled[-1]
    assert (wanted, busy) == ((1,), frozenset({moving.id}))
    engine.hold.set()


async def test_an_app_is_told_where_the_teams_other_live_apps_answer(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    backend, ui = await records.app("shop-api"), await records.app("shop")
    for app in (backend, ui):
        await until(records, app, await records.accepted(app), "live")
    assert ("LOCO_APP_SHOP_API_HOST", "shop-api") in engine.running[ui.id].unit.env


async def test_what_is_prepared_for_a_first_deployment_is_left_alone_and_what_is_live_is_not(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    live, fresh = await records.app("live"), await records.app("fresh")
    await until(records, live, await records.accepted(live), "live")
    for app in (live, fresh):
        await records.deployments.create(app, Service(name=app.name), (), action="deploy", created_by="ann")
    await worker.reconcile()
    assert engine.reconciled[-1] == ((1,), frozenset({fresh.id}))


async def test_a_reconcile_that_takes_its_time_keeps_no_deployment_waiting(
    records: Records, engine: FakeEngine, settings: Settings
) -> None:
    stuck = asyncio.Event()

    async def reconcile(*_: object) -> None:
        await stuck.wait()

    engine.reconcile = reconcile  # type: ignore[method-assign,assignment]
    found = make(records, engine, settings)
    task = asyncio.create_task(found.run())
    app = await records.app()
    await until(records, app, await records.accepted(app), "live")
    assert not found.settled.is_set()
    stuck.set()
    await asyncio.wait_for(found.settled.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await found.close()


async def test_containers_get_the_pinned_values_and_not_the_newer_ones(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    await records.variables.change(app.id, {"A": "sesame", "LOCO_APP": "mine"}, (), by="ann")
    number = await records.accepted(app, spec=Service.model_validate({"name": "shop", "env": {"A": "plain"}}))
    await records.variables.change(app.id, {"A": "newer"}, (), by="ann")
    await until(records, app, number, "live")
    env = dict(engine.running[app.id].unit.env)
    assert (env["A"], env["LOCO_APP"]) == ("sesame", "mine")
    assert "sesame" not in repr(engine.running[app.id])


async def lost(records: Records) -> None:
    """As if the key had gone from the file."""
    records.keyring._known.clear()
    records.keyring.adopt([Key("k9", b"9" * 32)])


async def test_a_deployment_whose_variables_cannot_be_opened_fails_and_says_which(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    await records.variables.change(app.id, {"A": "sesame"}, (), by="ann")
    await lost(records)
    number = await records.accepted(app)
    await until(records, app, number, "failed")
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert item.reason is not None
    assert item.reason.startswith("variable A, version 1")
    assert engine.rolled == []


async def test_an_app_whose_variables_cannot_be_opened_is_left_as_it_is_and_keeps_no_other_from_repair(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    broken, fine = await records.app("broken"), await records.app("fine")
    await records.variables.change(broken.id, {"A": "sesame"}, (), by="ann")
    for app in (broken, fine):
        await until(records, app, await records.accepted(app), "live")
    await lost(records)
    await worker.reconcile()
    wanted, busy = engine.reconciled[-1]
    assert (len(wanted), busy) == (1, frozenset({broken.id}))


async def test_a_cancelled_rollout_whose_variables_cannot_be_opened_is_cancelled_all_the_same(
    records: Records, engine: FakeEngine, worker: Worker
) -> None:
    app = await records.app()
    await records.variables.change(app.id, {"A": "sesame"}, (), by="ann")
    engine.hold = asyncio.Event()
    number = await records.accepted(app)
    await until(records, app, number, "rolling")
    await lost(records)
    assert await records.deployments.request_cancel(app.id, number)
    engine.hold.set()
    await until(records, app, number, "cancelled")
    assert engine.rolled == []


GONE = OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))


@pytest.mark.parametrize("fault", [GONE, ConnectionResetError("reset")])
@pytest.mark.parametrize("step", ["still_ours", "promote", "tell", "move"])
async def test_records_that_are_away_for_a_moment_fail_no_rollout(
    records: Records,
    engine: FakeEngine,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    fault: Exception,
) -> None:
    monkeypatch.setattr(runner, "ENGINE_DOWN_RETRY", 0.01)
    app = await records.app()
    number = await records.accepted(app)
    owner = next(each for each in (records.claims, records.deployments) if hasattr(each, step))
    works = getattr(owner, step)
    asked = 0

    async def cut(*args: object, **more: object) -> object:
        nonlocal asked
        asked += 1
        if asked in {1, 2}:
            raise fault
        return await works(*args, **more)

    monkeypatch.setattr(owner, step, cut)
    await until(records, app, number, "live", "failed")
    assert await state_of(records, app, number) == "live"
    assert asked > 2


async def test_a_failure_that_cannot_be_written_down_is_written_once_the_records_are_back(
    records: Records, engine: FakeEngine, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ENGINE_DOWN_RETRY", 0.01)
    works = records.deployments.move
    cuts = 3

    async def cut(app_id: str, number: int, state: str, **more: Any) -> bool:
        nonlocal cuts
        if state == "failed" and cuts:
            cuts -= 1
            raise GONE
        return await works(app_id, number, state, **more)

    monkeypatch.setattr(records.deployments, "move", cut)
    engine.fail = DIAGNOSIS
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "failed")
    item = await records.deployments.get(app.id, number)
    assert item is not None
    assert (item.diagnosis, item.attempt, cuts) == (DIAGNOSIS, 1, 0)


async def test_a_wrong_statement_is_a_defect_and_ends_the_deployment(
    records: Records, engine: FakeEngine, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wrong(*_: object, **__: object) -> bool:
        raise IntegrityError("UPDATE", {}, Exception("a constraint"))

    monkeypatch.setattr(records.claims, "promote", wrong)
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "failed")


async def test_among_servers_that_reconcile_all_the_time_a_deployment_is_claimed_within_one_reconcile(
    records: Records, engine: FakeEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if records.database.url.startswith("sqlite"):
        return
    monkeypatch.setattr(worker_module, "RECONCILE_EVERY", 0.01)
    holding, at_once, most, rounds = 0.5, 0, 0, 0

    async def reconcile(*_: object) -> None:
        nonlocal at_once, most, rounds
        at_once, rounds = at_once + 1, rounds + 1
        most = max(most, at_once)
        with suppress(TimeoutError):
            async with asyncio.timeout(holding):
                await asyncio.Event().wait()
        at_once -= 1

    engine.reconcile = reconcile  # type: ignore[method-assign,assignment]
    servers = [make(records, engine, settings, shared=True) for _ in range(4)]
    tasks = [asyncio.create_task(each.run()) for each in servers]
    try:
        app = await records.app()
        waited = []
        for _ in range(5):
            number, began = await records.accepted(app), time.monotonic()
            await until(records, app, number, "live")
            waited.append(time.monotonic() - began)
        assert max(waited) < 3  # one reconcile, a look every second, and this machine's own pace
        assert most == 1
        assert rounds > 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in servers:
            await each.close()


async def test_at_its_end_a_worker_begins_nothing_that_had_to_wait(
    records: Records, engine: FakeEngine, settings: Settings
) -> None:
    found = make(records, engine, settings)
    app = await records.app()
    engine.hold = asyncio.Event()
    await records.accepted(app)
    [item] = await records.claims.claim(found.owner)
    found._begin(item)
    found._begin(item)
    await found.close()
    assert not found._tasks
