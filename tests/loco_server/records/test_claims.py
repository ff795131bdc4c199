"""Which of several workers has a rollout: one, for as long as it says so."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from loco_server.records import claims
from loco_server.records.claims import ClaimLostError, HeldElsewhereError, HoldLostError
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import DeploymentRecord
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, Records
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


async def accepted(records: Records, name: str = "shop") -> DeploymentRecord:
    app = await records.app(name)
    item = await records.deployments.create(app, Service(name=name), (), action="deploy", created_by="ann")
    assert await records.deployments.accept(app, item.number, digest=DIGEST, user_id=10001, of="created") == "accepted"
    return item


async def rolling(records: Records, owner: str) -> DeploymentRecord:
    await accepted(records)
    [item] = await records.claims.claim(owner)
    assert await records.deployments.move(
        item.app_id, item.number, "rolling", of=("accepted",), message="rolling", owner=owner, attempt=item.attempt
    )
    return item


async def time_passes(records: Records) -> None:
    """Let every lease be over."""
    async with records.database.write() as db:
        await db.execute(update(DEPLOYMENTS).values(leased_until=datetime.now(UTC) - timedelta(seconds=1)))


async def test_what_one_worker_has_no_other_takes_before_and_while_it_rolls(records: Records) -> None:
    await accepted(records)
    [item] = await records.claims.claim("first")
    assert await records.claims.claim("second") == []
    await records.deployments.move(
        item.app_id, item.number, "rolling", of=("accepted",), message="rolling", owner="first", attempt=item.attempt
    )
    assert await records.claims.claim("second") == []
    await records.claims.still_ours(item)


async def test_of_many_who_look_at_once_one_gets_it(records: Records) -> None:
    await accepted(records)
    found = await asyncio.gather(*(records.claims.claim(f"worker-{number}") for number in range(6)))
    assert sorted(map(len, found)) == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("state", ["accepted", "rolling"])
async def test_a_worker_that_renews_no_more_loses_it_to_whoever_looks(records: Records, state: str) -> None:
    item = await rolling(records, "first")
    if state == "accepted":
        async with records.database.write() as db:
            await db.execute(update(DEPLOYMENTS).values(state="accepted"))
    await time_passes(records)
    [taken] = await records.claims.claim("second")
    assert (taken.owner, taken.attempt) == ("second", item.attempt + 1)
    with pytest.raises(ClaimLostError):
        await records.claims.still_ours(item)
    assert not await records.claims.promote(item, message="live")


async def test_a_worker_that_renews_keeps_it(records: Records) -> None:
    item = await rolling(records, "first")
    await time_passes(records)
    await records.claims.renew("first", {item.app_id})
    assert await records.claims.claim("second") == []


async def test_nobody_renews_what_is_anothers_or_slipped_out_of_hand(records: Records) -> None:
    item = await rolling(records, "first")
    await time_passes(records)
    await records.claims.renew("second", {item.app_id})
    await records.claims.renew("first", {"another"})
    [taken] = await records.claims.claim("first")
    assert taken.attempt == item.attempt + 1


async def test_what_a_worker_lets_go_of_at_its_end_is_taken_at_once(records: Records) -> None:
    await rolling(records, "first")
    await records.claims.let_go("second")
    assert await records.claims.claim("second") == []
    await records.claims.let_go("first")
    assert len(await records.claims.claim("second")) == 1


async def test_what_has_ended_is_taken_by_nobody(records: Records) -> None:
    item = await rolling(records, "first")
    assert await records.claims.promote(item, message="live")
    await time_passes(records)
    assert await records.claims.claim("second") == []


async def test_while_one_server_makes_the_engine_true_none_begins_anything(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_sqlite(records):
        async with records.claims.none_begin():  # one server, which knows by itself what it does
            await accepted(records)
            assert len(await records.claims.claim("first")) == 1
        return
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 0.05)
    await accepted(records)
    async with records.claims.none_begin():
        assert await records.claims.claim("first") == []
        assert await records.claims.claim("second") == []
    assert len(await records.claims.claim("second")) == 1


async def test_of_several_servers_one_makes_the_engine_true_and_the_others_may_wait_for_it(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_sqlite(records):
        return
    monkeypatch.setattr(claims, "HOLD_PATIENCE_SECONDS", 0.05)
    async with records.claims.none_begin():
        for waits in (False, True):
            with pytest.raises(HeldElsewhereError):
                async with records.claims.none_begin(waits=waits):
                    pytest.fail("two at once")
    async with records.claims.none_begin(waits=False):
        pass


async def test_where_servers_make_the_engine_true_one_after_another_a_claim_waits_for_one_of_them(
    records: Records,
) -> None:
    if on_sqlite(records):
        return
    await accepted(records)
    ended = 0

    async def holds() -> None:
        nonlocal ended
        while True:
            async with records.claims.none_begin():
                begun.set()
                await waiting(records, locks=4)  # the claim, and the other three
            ended += 1

    begun = asyncio.Event()
    tasks = [asyncio.create_task(holds()) for _ in range(4)]
    try:
        await asyncio.wait_for(begun.wait(), 10)
        before = ended
        async with asyncio.timeout(20):
            assert len(await records.claims.claim("first")) == 1
        assert ended - before <= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_server_whose_machine_is_gone_holds_nobody_up_for_long(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_sqlite(records):
        return
    monkeypatch.setattr(claims, "HOLD_SECONDS", 1.0)  # and nobody keeps it within that
    await accepted(records)
    gone = asyncio.Event()

    async def holds() -> None:
        async with records.claims.none_begin():
            gone.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(holds())
    await asyncio.wait_for(gone.wait(), 10)
    async with asyncio.timeout(10):
        assert len(await records.claims.claim("second")) == 1
    with pytest.raises(HoldLostError):
        await asyncio.wait_for(task, 10)  # who was not gone hears of it


async def test_who_keeps_a_hold_has_it_for_longer_than_one_that_is_not_kept(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_sqlite(records):
        return
    monkeypatch.setattr(claims, "HOLD_SECONDS", 1.0)
    monkeypatch.setattr(claims, "KEEP_EVERY", 0.1)
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 2.5)
    await accepted(records)
    async with records.claims.none_begin():
        assert await records.claims.claim("second") == []


async def test_a_hold_that_the_database_ended_cuts_its_block_short(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_sqlite(records):
        return
    monkeypatch.setattr(claims, "KEEP_EVERY", 0.05)

    async def holds() -> None:
        async with records.claims.none_begin(), asyncio.timeout(10):
            async with records.database.write() as db:
                await db.execute(text(f"SELECT pg_terminate_backend(pid) {_OF_OTHERS} AND state LIKE 'idle in%'"))
            await asyncio.Event().wait()

    with pytest.raises(HoldLostError):
        await holds()


_OF_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"


def on_sqlite(records: Records) -> bool:
    return records.database.url.startswith("sqlite")


async def waiting(records: Records, *, locks: int) -> None:
    """Return when so many wait for a lock."""

    async def there() -> bool:
        async with records.database.look() as db:
            found = await db.scalar(text(f"SELECT count(*) {_OF_OTHERS} AND wait_event_type = 'Lock'"))
        return int(found or 0) >= locks

    await eventually_async(there)
