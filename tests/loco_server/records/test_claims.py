"""Which of several workers has a rollout: one, for as long as it says so."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.records.claims import ClaimLostError
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import DeploymentRecord
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, Records

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


async def test_while_one_server_makes_the_engine_true_none_begins_anything(records: Records) -> None:
    if records.database.url.startswith("sqlite"):
        async with records.claims.none_begin():  # one server, which knows by itself what it does
            await accepted(records)
            assert len(await records.claims.claim("first")) == 1
        return
    await accepted(records)
    async with records.claims.none_begin():
        assert await records.claims.claim("first") == []
        assert await records.claims.claim("second") == []
    assert len(await records.claims.claim("second")) == 1
