"""Whatever hangs, a deployment ends: in which phase, after how many seconds; and no two of an app run at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.engines.base import AppRef, Emit, EngineDownError, Guard, ReleaseResult, Rollout
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.rollouts import housekeeping, runner
from loco_server.rollouts.worker import Worker
from loco_server.settings import Settings
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import FakeEngine
from tests.loco_server.records.databases import DIGEST, Records
from tests.loco_server.rollouts.test_housekeeping import House
from tests.loco_server.rollouts.test_worker import make, state_of, until
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

RELEASING = Service.model_validate({"name": "shop", "deploy": {"release_command": ["migrate"]}})


class Stuck(FakeEngine):
    """Hangs in one of its methods, whatever guard would say; what it was doing when is written down."""

    def __init__(self, method: str = "") -> None:
        super().__init__()
        self.method = method
        self.begun = asyncio.Event()
        self.told: list[str] = []

    async def _hang(self, method: str) -> None:
        if method == self.method:
            self.begun.set()
            await asyncio.Event().wait()

    async def prepare(self, app: AppRef) -> None:
        await self._hang("prepare")
        await super().prepare(app)

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        self.told.append(f"release v{rollout.deployment}")
        await self._hang("release")
        return await super().release(rollout, command, timeout_seconds=timeout_seconds, emit=emit, guard=guard)

    async def roll(self, rollout: Rollout, *, emit: Emit, guard: Guard) -> None:
        await self._hang("roll")
        await super().roll(rollout, emit=emit, guard=guard)

    async def withdraw(self, rollout: Rollout) -> None:
        self.told.append(f"withdraw v{rollout.deployment}")
        await super().withdraw(rollout)


@pytest.fixture
def engine() -> Stuck:
    return Stuck()


@pytest.fixture
async def worker(records: Records, engine: Stuck, settings: Settings) -> AsyncIterator[Worker]:
    found = make(records, engine, settings)
    task = asyncio.create_task(found.run())
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await found.close()


async def got(records: Records, app: AppRecord, number: int) -> DeploymentRecord:
    found = await records.deployments.get(app.id, number)
    assert found is not None
    return found


@pytest.mark.parametrize(("method", "phase"), [("prepare", "waiting"), ("release", "releasing"), ("roll", "starting")])
async def test_a_phase_that_hangs_ends_the_deployment_which_says_where_and_the_next_one_goes_live(
    records: Records, engine: Stuck, worker: Worker, monkeypatch: pytest.MonkeyPatch, method: str, phase: str
) -> None:
    for name in ("PREPARE_SECONDS", "SLACK_SECONDS"):
        monkeypatch.setattr(runner, name, 0.2)
    quick = {"release_command": ["migrate"], "timeout": "1s", "release_timeout": "1s", "drain": "1s"}
    engine.method = method
    app = await records.app()
    number = await records.accepted(app, spec=Service.model_validate({"name": "shop", "deploy": quick}))
    await until(records, app, number, "failed")
    diagnosis = (await got(records, app, number)).diagnosis
    assert diagnosis is not None
    assert (diagnosis.phase, diagnosis.cause, diagnosis.seconds > 0.1) == (phase, "phase-timeout", True)
    assert engine.withdrawn == [number]
    engine.method = ""
    await until(records, app, await records.accepted(app), "live")


async def test_what_was_begun_again_and_again_is_given_up(
    records: Records, engine: Stuck, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    app = await records.app()
    number = await records.accepted(app)
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(attempt=2))
    await until(records, app, number, "failed", "live")
    item = await got(records, app, number)
    assert item.diagnosis is not None
    assert item.diagnosis.message == "it was begun 2 times, and came to no end"
    assert engine.rolled == []


async def test_the_release_command_of_a_cancelled_deployment_is_gone_before_the_next_one_begins(
    records: Records, engine: Stuck, settings: Settings
) -> None:
    """Also where another server would begin it."""
    leaving, gone = asyncio.Event(), asyncio.Event()

    async def withdraw(rollout: Rollout) -> None:
        leaving.set()
        await gone.wait()
        engine.told.append(f"withdrawn v{rollout.deployment}")

    async def release(rollout: Rollout, *_: object, guard: Guard, **__: object) -> ReleaseResult:
        engine.told.append(f"release v{rollout.deployment}")
        while rollout.deployment == 1:
            await guard()
            await asyncio.sleep(0.01)
        return ReleaseResult(exit_code=0, lines=())

    engine.withdraw, engine.release = withdraw, release  # type: ignore[method-assign]
    servers = [make(records, engine, settings, shared=True) for _ in range(2)]
    tasks = [asyncio.create_task(each.run()) for each in servers]
    app = await records.app()
    first = await records.accepted(app, spec=RELEASING)
    await until(records, app, first, "releasing")
    second = await records.accepted(app, spec=RELEASING)
    assert await records.deployments.request_cancel(app.id, first)
    await leaving.wait()
    assert await records.claims.claim("a third") == []
    assert (await state_of(records, app, first), await state_of(records, app, second)) == ("releasing", "accepted")
    gone.set()
    await until(records, app, second, "live")
    assert engine.told == ["release v1", "withdrawn v1", "release v2"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in servers:
        await each.close()


async def test_a_cancel_waits_for_an_engine_that_does_not_answer(
    records: Records, engine: Stuck, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ENGINE_DOWN_RETRY", 0.01)
    down = 3

    async def withdraw(rollout: Rollout) -> None:
        nonlocal down
        down -= 1
        if down >= 0:
            raise EngineDownError("the engine is down")
        engine.withdrawn.append(rollout.deployment)

    engine.withdraw = withdraw  # type: ignore[method-assign]
    engine.hold = asyncio.Event()
    app = await records.app()
    number = await records.accepted(app)
    await until(records, app, number, "rolling")
    assert await records.deployments.request_cancel(app.id, number)
    engine.hold.set()
    await until(records, app, number, "cancelled")
    assert engine.withdrawn == [number]


async def test_what_was_superseded_since_its_claim_runs_no_release_command(
    records: Records, engine: Stuck, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, go = asyncio.Event(), asyncio.Event()

    async def prepare(app: AppRef) -> None:
        del app
        ready.set()
        await go.wait()

    monkeypatch.setattr(engine, "prepare", prepare)
    app = await records.app()
    first = await records.accepted(app, spec=RELEASING)
    await ready.wait()
    second = await records.accepted(app)
    assert await state_of(records, app, first) == "superseded"
    go.set()
    await until(records, app, second, "live")
    assert engine.told == []


async def test_a_worker_whose_lease_ran_out_touches_nothing_and_tells_nothing(
    records: Records, engine: Stuck, settings: Settings
) -> None:
    """The records were away for longer than the lease, and another may take it at any moment, or has."""
    app = await records.app()
    engine.hold = asyncio.Event()
    number = await records.accepted(app)
    stale = make(records, engine, settings)
    [item] = await records.claims.claim(stale.owner)
    stale._begin(item)
    await until(records, app, number, "rolling")
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(leased_until=datetime.now(UTC) - timedelta(seconds=1)))
    engine.hold.set()
    await eventually_async(lambda: _none_in_hand(stale))
    assert engine.rolled == []
    [taken] = await records.claims.claim("another")
    before = await records.events.after(app.id, number, 0)
    await stale._runner._tell(item, "told too late")
    assert await records.events.after(app.id, number, 0) == before
    await records.claims.tell(taken, "told in time")
    await stale.close()


async def _none_in_hand(worker: Worker) -> bool:
    return not worker._tasks


async def test_an_attempt_goes_on_with_what_it_saw_to_be_its_own(
    records: Records, engine: Stuck, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes it over just after the first look: what is read then is that one's claim."""
    app = await records.app()
    await records.accepted(app)
    first = make(records, engine, settings)
    [item] = await records.claims.claim(first.owner)
    looks = records.claims.still_ours

    async def taken_after(asked: DeploymentRecord) -> DeploymentRecord:
        found = await looks(asked)
        async with records.database.write() as db:
            await db.execute(update(DEPLOYMENTS).values(owner="another", attempt=item.attempt + 1))
        return found

    monkeypatch.setattr(records.claims, "still_ours", taken_after)
    await first._runner.finish(item)
    assert (await got(records, app, 1)).state == "accepted"
    assert engine.rolled == []


async def hours_ago(records: Records, **more: object) -> None:
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(state_at=datetime.now(UTC) - timedelta(hours=2), **more))


async def test_an_image_that_is_checked_for_ever_ends_the_deployment(records: Records) -> None:
    app = await records.app()
    house, at = House(records), datetime.now(UTC) + timedelta(hours=1)
    await records.deployments.create(
        app, Service(name="shop"), [], action="deploy", created_by="ann", ticket_expires_at=at
    )
    await records.deployments.move(app.id, 1, "checking", of=("created",), message="checking", digest=DIGEST)
    await house.housekeeping.expire()
    assert await state_of(records, app, 1) == "checking"
    await hours_ago(records)
    await house.housekeeping.expire()
    item = await got(records, app, 1)
    assert (item.state, item.diagnosis and item.diagnosis.phase) == ("failed", "checking")


@pytest.mark.parametrize(("digest", "said"), [(None, "no image came in time"), (DIGEST, "its server ended before")])
async def test_a_deployment_that_expires_says_what_it_waited_for(
    records: Records, digest: str | None, said: str
) -> None:
    app = await records.app()
    past = datetime.now(UTC) - timedelta(seconds=1)
    await records.deployments.create(
        app, Service(name="shop"), [], action="redeploy", created_by="ann", ticket_expires_at=past, digest=digest
    )
    await hours_ago(records)
    await House(records).housekeeping.expire()
    item = await got(records, app, 1)
    assert item.state == "expired"
    assert item.diagnosis is not None
    assert (item.diagnosis.phase, round(item.diagnosis.seconds, -1)) == ("pushing", 7200)
    assert item.diagnosis.message.startswith(said)


async def test_what_no_worker_takes_up_ends_and_what_waits_for_another_does_not(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, alone = await records.app("waits"), await records.app("alone")
    await records.accepted(waits)
    [item] = await records.claims.claim("worker")
    await records.deployments.move(
        waits.id, 1, "rolling", of=("accepted",), message="rolling", owner="worker", attempt=1
    )
    await records.accepted(waits)
    await records.accepted(alone)
    await hours_ago(records)
    house = House(records).housekeeping
    await house.end_unclaimed()
    assert await state_of(records, alone, 1) == "accepted"  # this server has only begun to look
    monkeypatch.setattr(housekeeping, "WAITING_SECONDS", 0.0)
    await house.end_unclaimed()
    found = await got(records, alone, 1)
    assert (found.state, found.diagnosis and found.diagnosis.phase) == ("failed", "waiting")
    assert [await state_of(records, waits, number) for number in (1, 2)] == ["rolling", "accepted"]
    assert item.app_id == waits.id


async def test_what_a_worker_has_taken_up_is_not_ended_as_taken_up_by_none(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "WAITING_SECONDS", 0.0)
    app = await records.app()
    await records.accepted(app)
    await records.claims.claim("worker")
    await House(records).housekeeping.end_unclaimed()
    assert await state_of(records, app, 1) == "accepted"


async def test_since_when_it_is_in_its_state_is_kept(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    accepted = (await got(records, app, number)).state_at
    await records.events.add(app.id, number, "a step")
    assert (await got(records, app, number)).state_at == accepted
    await records.deployments.move(app.id, number, "failed", of=("accepted",), message="no")
    item = await got(records, app, number)
    assert item.state_at is not None
    assert accepted is not None
    assert item.state_at > accepted
