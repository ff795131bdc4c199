"""Which images stay, when space is given back, and what becomes of pushes that never came."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.engines.base import AppRef
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key
from loco_server.lifecycle_settings import LifecycleSettings
from loco_server.records.images import Images
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import AppRecord
from loco_server.registries.base import RegistryDownError
from loco_server.rollouts import housekeeping as housekeeping_module
from loco_server.rollouts.housekeeping import KEPT_IMAGES, Housekeeping
from loco_server.rollouts.lifecycle import Lifecycle
from loco_spec import names
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import FakeEngine, FakeRegistry
from tests.loco_server.records.databases import Records, route

pytestmark = pytest.mark.anyio


class Engine(FakeEngine):
    """One whose instances run what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.using: dict[str, frozenset[str]] = {}

    async def in_use(self, app: AppRef) -> frozenset[str]:
        return self.using.get(app.app_id, frozenset())


class House:
    def __init__(self, records: Records) -> None:
        self.records = records
        self.registry = FakeRegistry()
        self.engine = Engine()
        self.requests: dict[str, int] = {}
        self.closed = ClosedDeployments(keep_seconds=300)
        self.collected = 0
        self.fails = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.housekeeping = self.again()

    def again(self) -> Housekeeping:
        """As a restarted server makes it."""
        return Housekeeping(
            people=self.records.people,
            audit=self.records.audit,
            apps=self.records.apps,
            deployments=self.records.deployments,
            images=Images(self.records.database),
            claims=self.records.claims,
            facts=self.records.facts,
            engine=self.engine,
            registry=self.registry,
            closed=self.closed,
            collect_garbage=self._collect,
            lifecycle=Lifecycle(
                settings=LifecycleSettings(),
                uses=self.records.uses,
                apps=self.records.apps,
                audit=self.records.audit,
                requests=self._requests,
                settle=self._never,
                destroy=self._never,
            ),
        )

    async def _requests(self) -> dict[str, int]:
        return self.requests

    async def _never(self, *_: object) -> None:
        raise AssertionError("nothing is unused")

    async def _collect(self) -> int:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the registry did not come back")
        if self.meanwhile is not None:
            await self.meanwhile()
        self.collected += 1
        return 1000

    async def deployed(self, app: AppRecord, *, end: str = "live") -> str:
        """Push an image and let its deployment end so; give the digest."""
        made = self.records.deployments
        item = await made.create(
            app, Service(name=app.name), [route(f"{app.name}.localhost")], action="deploy", created_by="ann"
        )
        digest = f"sha256:{item.number:064}"
        self.registry.push(names.repository(app.team, app.name, app.id), digest)
        await made.accept(app, item.number, digest=digest, user_id=10001, of="created")
        [claimed] = await self.records.claims.claim(f"worker {item.number}")
        await made.move(app.id, item.number, "rolling", of=("accepted",), message="rolling out")
        if end == "live":
            assert await self.records.claims.promote(claimed, message="live")
        else:
            await made.move(app.id, item.number, end, of=("rolling",), message=end)
        return digest

    async def again_live(self, app: AppRecord, base: int, action: str) -> None:
        """Let a deployment of another one's image become live."""
        made, before = self.records.deployments, await self.records.deployments.get(app.id, base)
        assert before is not None
        assert before.digest is not None
        item = await made.create(app, before.spec, before.routes, action=action, created_by="ann", base=base)
        await made.accept(app, item.number, digest=before.digest, user_id=10001, of="created")
        [claimed] = await self.records.claims.claim(f"worker {item.number}")
        await made.move(app.id, item.number, "rolling", of=("accepted",), message="rolling out")
        assert await self.records.claims.promote(claimed, message="live")

    async def kept(self, app: AppRecord) -> set[str]:
        return set(await self.registry.manifests(names.repository(app.team, app.name, app.id)))


@pytest.fixture
def house(records: Records, monkeypatch: pytest.MonkeyPatch) -> House:
    """One that keeps two images: to show more takes more of the same."""
    monkeypatch.setattr(housekeeping_module, "KEPT_IMAGES", 2)
    return House(records)


def test_the_last_good_one_of_a_bad_day_stays() -> None:
    assert KEPT_IMAGES >= 5


async def test_the_last_images_that_were_live_stay(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(4)]
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests[2:])
    deleted = [item.number for item in await records.deployments.of_app(app.id) if item.image_deleted]
    assert deleted == [2, 1]


async def test_deployments_of_one_image_push_out_no_other(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(2)]
    for action in ("redeploy", "scale", "variables"):
        await house.again_live(app, 2, action)
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests)


async def test_what_was_rolled_back_to_is_among_the_last_that_served(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(2)]
    await house.again_live(app, 1, "rollback")
    digests.append(await house.deployed(app))
    await house.housekeeping.once()
    assert await house.kept(app) == {digests[0], digests[2]}


async def test_an_image_that_is_pushed_again_can_come_back_again(house: House, records: Records) -> None:
    app = await records.app()
    first = await house.deployed(app)
    for _ in range(2):
        await house.deployed(app)
    await house.housekeeping.once()
    item = await records.deployments.create(
        app, Service(name="shop"), [route("shop.localhost")], action="deploy", created_by="ann"
    )
    await records.deployments.move(app.id, item.number, "checking", of=("created",), message="checking")
    assert await records.deployments.accept(app, item.number, digest=first, user_id=1) == "accepted"
    before = await records.deployments.get(app.id, 1)
    assert before is not None
    assert not before.image_deleted


async def test_what_the_registry_did_not_delete_is_deleted_the_next_time(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr(house.registry, "delete", house._never)
        await house.housekeeping.once()
    assert await house.kept(app) == set(digests)
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests[1:])


async def test_nothing_is_deleted_where_something_comes_while_images_are_listed(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(3)]
    listed = house.registry.manifests

    async def list_them(repository: str) -> frozenset[str]:
        found = await listed(repository)
        await records.deployments.create(app, Service(name="shop"), [], action="rollback", created_by="ann", base=1)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(house.registry, "manifests", list_them)
        await house.housekeeping.once()
    assert await house.kept(app) == set(digests)
    assert not any(item.image_deleted for item in await records.deployments.of_app(app.id))


async def test_an_image_that_never_served_goes_and_pushes_out_no_other(house: House, records: Records) -> None:
    app = await records.app()
    live = [await house.deployed(app), await house.deployed(app)]
    await house.deployed(app, end="failed")
    await house.housekeeping.once()
    assert await house.kept(app) == set(live)


async def test_nothing_goes_while_a_push_of_the_app_is_under_way(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(3)]
    await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests)


async def test_space_is_given_back_once_images_went_also_by_a_server_that_started_since(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await records.app()
    for _ in range(3):
        await house.deployed(app)
    await house.housekeeping.once()
    assert house.collected == 0  # not at once: the registry takes no push meanwhile
    monkeypatch.setattr(housekeeping_module, "COLLECT_EVERY", 0)
    restarted = house.again()
    await restarted.once()
    await restarted.once()
    assert house.collected == 1


async def test_a_collection_that_failed_is_tried_again(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    await records.facts.add_garbage()
    monkeypatch.setattr(housekeeping_module, "COLLECT_EVERY", 0)
    house.fails = 1
    with pytest.raises(RuntimeError, match="the registry did not come back"):
        await house.housekeeping.once()
    await house.again().once()
    await house.housekeeping.once()
    assert house.collected == 1


async def test_where_nobody_here_collects_it_stays_noted_that_there_is_something_to_collect(
    house: House, records: Records
) -> None:
    await records.facts.add_garbage()
    house.housekeeping._collect_garbage = None
    assert await house.housekeeping.collect() == 0
    assert await records.facts.garbage() is not None


async def test_what_is_deleted_while_space_is_given_back_is_for_the_next_time(house: House, records: Records) -> None:
    await records.facts.add_garbage()
    house.meanwhile = records.facts.add_garbage
    await house.housekeeping.collect()
    assert await records.facts.garbage() is not None
    house.meanwhile = None
    await house.housekeeping.collect()
    assert await records.facts.garbage() is None


async def test_space_waits_while_any_push_is_under_way(house: House, records: Records) -> None:
    app = await records.app()
    await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
    assert await house.housekeeping.collect() == 0
    assert house.collected == 0


async def test_a_deployment_whose_image_never_came_expires_and_its_token_buys_nothing(
    house: House, records: Records
) -> None:
    app = await records.app()
    past, future = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (-1, 60))
    for at in (past, future):
        await records.deployments.create(
            app, Service(name="shop"), [], action="deploy", created_by="ann", ticket_sha256="0", ticket_expires_at=at
        )
    await house.housekeeping.once()
    states = {item.number: item.state for item in await records.deployments.of_app(app.id)}
    assert states == {1: "expired", 2: "created"}
    assert house.closed.is_closed(deployment_key(app.id, 1))
    assert not house.closed.is_closed(deployment_key(app.id, 2))


async def test_it_is_said_what_did_not_come_in_time(house: House, records: Records) -> None:
    """A rollback has its image: its server ended before it was accepted."""
    app, past = await records.app(), datetime.now(UTC) - timedelta(seconds=1)
    for digest in (None, f"sha256:{'0' * 64}"):
        await records.deployments.create(
            app, Service(name="shop"), [], action="any", created_by="ann", ticket_expires_at=past, digest=digest
        )
    await house.housekeeping.once()
    reasons = {item.number: item.reason for item in await records.deployments.of_app(app.id)}
    assert reasons == {
        1: "no image came in time; nothing was changed",
        2: "its server ended before it was accepted; nothing was changed",
    }


@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_a_session_that_ended_is_told_for_a_month_and_then_forgotten(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    user = await records.people.signed_in("local", "ann", "ann")
    now = datetime.now(UTC)
    ends = now + timedelta(days=1 if how == "revoked" else -1)
    await records.people.add_token("ended", user.id, kind="session", sha256="0", expires_at=ends)
    await records.people.add_token("lives", user.id, kind="session", sha256="0", expires_at=now + timedelta(days=1))
    await records.people.add_token("for ever", user.id, kind="deploy", sha256="0", expires_at=None)
    if how == "revoked":
        await records.people.revoke("ended")
    await house.housekeeping.once()
    assert await records.people.token("ended") is not None
    monkeypatch.setattr(housekeeping_module, "TOKENS_KEPT", timedelta(0))
    await house.housekeeping.once()
    assert await records.people.token("ended") is None
    assert await records.people.token("lives") is not None
    assert await records.people.token("for ever") is not None


async def test_events_are_kept_for_over_a_year_and_then_forgotten(
    house: House, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await records.app()
    for _ in range(2):
        await house.deployed(app)
    await house.housekeeping.once()
    assert len(await records.audit.read(app.team_id, None, None, 10)) == 2
    assert timedelta(days=366) < housekeeping_module.EVENTS_KEPT
    monkeypatch.setattr(housekeeping_module, "EVENTS_KEPT", timedelta(0))
    await house.housekeeping.once()
    assert len(await records.audit.read(app.team_id, None, None, 10)) == 1, "the newest holds the place of its number"


async def test_an_image_that_still_runs_stays_however_old_it_is(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(4)]
    house.engine.using[app.id] = frozenset({digests[0]})
    await house.housekeeping.once()
    assert await house.kept(app) == {digests[0], *digests[2:]}


async def test_a_live_image_stays_when_two_newer_ones_were_live_in_between(house: House, records: Records) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(3)]
    async with records.database.write() as db:
        numbers = [(1, "live"), (2, "replaced"), (3, "replaced")]
        for number, state in numbers:
            await db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.number == number).values(state=state))
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests)


async def test_the_images_of_an_app_that_is_being_destroyed_are_left_to_its_destruction(
    house: House, records: Records
) -> None:
    app = await records.app()
    digests = [await house.deployed(app) for _ in range(3)]
    await records.apps.mark_destroying(app.id)
    await house.housekeeping.once()
    assert await house.kept(app) == set(digests)


async def test_tidying_up_looks_after_unused_apps_too(house: House, records: Records) -> None:
    app = await records.app()
    house.requests = {app.id: 3}
    await house.housekeeping.once()
    [use] = await records.uses.all()
    assert use.counted


@pytest.mark.parametrize("fault", [RegistryDownError("the registry is down"), RuntimeError("surprise")])
async def test_an_app_that_cannot_be_tidied_up_holds_up_no_other_and_is_told_of_once(
    house: House,
    records: Records,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    stuck, fine = await records.app("shop"), await records.app("zoo")  # the later one
    images = {app.id: [await house.deployed(app) for _ in range(3)] for app in (stuck, fine)}
    house.requests = {stuck.id: 3}
    works, broken = house.engine.in_use, True

    async def in_use(app: AppRef) -> frozenset[str]:
        if app.app_id == stuck.id and broken:
            raise fault
        return await works(app)

    monkeypatch.setattr(house.engine, "in_use", in_use)
    for _ in range(2):
        await house.housekeeping.once()
    assert await house.kept(fine) == set(images[fine.id][1:])
    assert any(use.counted for use in await records.uses.all())
    assert [each.getMessage() for each in caplog.records if "shop" in each.getMessage()] == [
        f"tidying up ann/shop waits: {fault}"
    ]
    broken = False
    await house.housekeeping.once()
    assert await house.kept(stuck) == set(images[stuck.id][1:])
