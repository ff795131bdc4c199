"""What is done about unused apps, on real records with a moved clock: warning, stop, end, and the way back."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.flows.destroy import Destroy
from loco_server.gateway.closed import ClosedDeployments
from loco_server.lifecycle_settings import LifecycleSettings, Mode
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import AppRecord
from loco_server.rollouts.lifecycle import Lifecycle
from loco_spec import names
from loco_spec.errors import StillGoing
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import FakeEngine, FakeRegistry
from tests.loco_server.records.databases import DIGEST, NOW, Records, route

pytestmark = pytest.mark.anyio


def day(number: float) -> datetime:
    """So many days after the app was made and deployed."""
    return NOW + timedelta(days=number)


class World:
    def __init__(self, records: Records, mode: Mode = "on") -> None:
        self.records = records
        self.engine = FakeEngine()
        self.registry = FakeRegistry()
        self.requests: dict[str, int] = {}
        self.settled = 0
        self.now = 1e6
        """Of its clock."""
        self.lifecycle = self.another(mode)

    def another(self, mode: Mode = "on") -> Lifecycle:
        """As each of several servers has it."""
        records = self.records
        destroy = Destroy(
            apps=records.apps,
            deployments=records.deployments,
            facts=records.facts,
            engine=self.engine,
            registry=self.registry,
            closed=ClosedDeployments(keep_seconds=300),
        )
        return Lifecycle(
            settings=LifecycleSettings(mode),
            uses=records.uses,
            apps=records.apps,
            audit=records.audit,
            requests=self._requests,
            settle=self._settle,
            destroy=destroy.run,
            clock=lambda: self.now,
        )

    async def _requests(self) -> dict[str, int]:
        return self.requests

    async def _settle(self) -> None:
        self.settled += 1

    async def deployed(self, app: AppRecord, at: datetime = NOW) -> int:
        """Make a deployment live that was made at that time."""
        made = self.records.deployments
        item = await made.create(
            app, Service(name=app.name), [route(f"{app.name}.localhost")], action="deploy", created_by="ann"
        )
        await made.move(app.id, item.number, "live", of=("created",), message="live")
        async with self.records.database.write() as db:
            await db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.app_id == app.id).values(created_at=at))
        self.registry.push(names.repository(app.team, app.name, app.id), DIGEST)
        return item.number

    async def done(self, at: datetime) -> list[tuple[str, str]]:
        return [(each.use.app, each.verdict.action) for each in await self.lifecycle.once(at)]

    async def events(self, app: AppRecord) -> list[tuple[str, str | None]]:
        found = await self.records.audit.read(app.team_id, None, None, 100)
        return [(each.action, each.outcome) for each in found if each.action.startswith("app.")]


@pytest.fixture
def world(records: Records) -> World:
    return World(records)


async def test_an_unused_app_is_warned_about_stopped_and_gone_each_in_its_time(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    repository = names.repository(app.team, app.name, app.id)
    assert await world.done(day(179)) == []
    assert await world.done(day(180)) == [("shop", "warn")]
    assert await world.done(day(181)) == []
    assert await world.done(day(209)) == []
    assert (await records.apps.find(app.team_id, "shop")) is not None
    assert world.settled == 0
    assert await world.done(day(210)) == [("shop", "stop")]
    assert world.settled == 1, "the engine is made as the records say, at once"
    stopped = await records.apps.by_id(app.id)
    assert stopped is not None
    assert stopped.unused
    assert stopped.suspended == (
        "app shop is suspended: no sign of use since 2026-01-31, warned on 2026-07-30; deploy it and it runs again"
    )
    assert await world.done(day(269)) == []
    assert await world.registry.manifests(repository) == {DIGEST}
    assert await world.done(day(270)) == [("shop", "delete")]
    assert await records.apps.by_id(app.id) is None
    assert await records.apps.all() == []
    assert await records.uses.all() == []
    assert await records.deployments.of_app(app.id) == []
    assert await world.registry.manifests(repository) == frozenset()
    assert await world.events(app) == [("app.unused", "done"), ("app.stop", "done"), ("app.destroy", "done")]
    assert await world.done(day(271)) == []


async def test_the_team_reads_what_was_done_why_and_what_comes_next(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    await world.done(day(180))
    await world.done(day(210))
    found = [each for each in await records.audit.read(app.team_id, "shop", None, 10) if each.action[:4] == "app."]
    assert [(each.actor, each.subject) for each in found] == [("loco", "shop")] * 2
    assert found[0].detail == {
        "reason": "no sign of use since 2026-01-31 (its requests are not counted here)",
        "next": "it is stopped on 2026-08-29, unless it is used or deployed before",
    }
    assert found[1].detail == {
        "reason": "no sign of use since 2026-01-31, warned on 2026-07-30",
        "next": "it is deleted on 2026-10-28, unless it is deployed before",
    }


async def test_a_deployment_after_the_warning_takes_it_back(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    assert await world.done(day(180)) == [("shop", "warn")]
    await world.deployed(app, day(185))
    assert await world.done(day(364)) == []
    assert await world.done(day(365)) == [("shop", "warn")]
    assert await world.done(day(394)) == []
    assert await world.done(day(395)) == [("shop", "stop")]


async def test_a_request_after_the_warning_takes_it_back(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    await records.uses.count({app.id: 3}, day(0))
    assert await world.done(day(180)) == [("shop", "warn")]
    await records.uses.count({app.id: 4}, day(200))
    assert await world.done(day(379)) == []
    assert await world.done(day(380)) == [("shop", "warn")]


async def test_nothing_is_done_while_a_deployment_is_on_its_way(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    assert await world.done(day(180)) == [("shop", "warn")]
    item = await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(created_at=NOW))
    assert await world.done(day(1000)) == []
    await records.deployments.move(app.id, item.number, "expired", of=("created",), message="no image came")
    assert await world.done(day(1000)) == [("shop", "stop")]


async def test_a_deployment_that_comes_between_plan_and_deed_prevents_it(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    await world.done(day(180))
    [planned] = await world.lifecycle.plan(day(210))
    assert planned.verdict.action == "stop"
    await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
    assert not await world.lifecycle._act(planned, {app.id: planned.last}, day(210))
    found = await records.apps.by_id(app.id)
    assert found is not None
    assert found.suspended is None
    assert ("app.stop", "done") not in await world.events(app)


async def test_of_several_servers_one_acts_and_one_event_tells_of_it(world: World, records: Records) -> None:
    app = await records.app()
    await world.deployed(app)
    servers = [world.another() for _ in range(4)]
    for at, action in ((180, "app.unused"), (210, "app.stop"), (270, "app.destroy")):
        plans = await asyncio.gather(*(server.once(day(at)) for server in servers))
        assert sum(map(len, plans)) == 1, action
        assert (await world.events(app)).count((action, "done")) == 1
    assert await records.apps.by_id(app.id) is None


async def test_in_a_dry_run_nothing_changes_and_the_log_tells(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(records, "dry-run")
    app = await records.app()
    await world.deployed(app)
    for at in (180, 210, 500):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "loco.lifecycle"):
            assert await world.done(day(at)) == []
        assert caplog.messages == [
            "dry run: ann/shop would be warned: no sign of use since 2026-01-31 (its requests are not counted here)"
        ]
    assert await world.events(app) == []
    [use] = await records.uses.all()
    assert (use.warned_at, use.stopped_at) == (None, None)


async def test_switched_off_nothing_is_even_looked_at(records: Records, caplog: pytest.LogCaptureFixture) -> None:
    world = World(records, "off")
    app = await records.app()
    await world.deployed(app)
    world.requests = {app.id: 1}
    await world.lifecycle.tick()
    assert await world.done(day(1000)) == []
    assert caplog.messages == []
    [use] = await records.uses.all()
    assert not use.counted


async def test_an_engine_that_is_away_delays_an_end_and_no_other_app(
    world: World, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await records.app("a"), await records.app("b")
    for app in (first, second):
        await world.deployed(app)
    for at in (180, 210):
        await world.done(day(at))
    world.engine.down = 1
    assert await world.done(day(270)) == [("b", "delete")]
    assert "ann/a is to be deleted: a is being destroyed" in caplog.text
    going = await records.apps.by_id(first.id)
    assert going is not None
    assert going.destroying, "whoever goes on with what was begun finds it"
    assert ("app.destroy", StillGoing.code) in await world.events(first)
    assert await world.done(day(271)) == []


async def test_requests_are_counted_every_hour_and_what_is_due_is_done_once_a_day(
    world: World, records: Records
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=200)
    app, late = await records.app(), await records.app("late")
    await world.deployed(app, long_ago)
    await world.deployed(late, datetime.now(UTC))
    world.requests = {app.id: 0}
    await world.lifecycle.tick()
    assert await world.events(app) == [("app.unused", "done")]
    world.requests = {app.id: 1}
    world.now += 3599
    await world.lifecycle.tick()
    assert [(use.counted, use.used_at) for use in await records.uses.all()] == [(False, None), (True, None)]
    world.now += 1
    await world.lifecycle.tick()
    assert (await records.uses.all())[1].used_at is not None
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(created_at=long_ago))
    world.now += 86_400 - 3600 - 1
    await world.lifecycle.tick()
    assert len(await world.events(app)) == 1
    world.now += 1
    await world.lifecycle.tick()
    assert len(await world.events(app)) == 2
