"""What metrics say of the installation is what stands in the records, on whichever server, after whichever restart."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from loco_server.records.figures import FiguresOfRecords
from loco_server.records.tables import DEPLOYMENTS
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


async def make(records: Records) -> None:
    """Make an app with one live, one failed and one held; one whose rollout nobody renews; and one that waits."""
    shop, blog, idle = [await records.app(name) for name in ("shop", "blog", "idle")]
    for app in (shop, blog):
        await records.accepted(app)
    for item in await records.claims.claim("a worker"):
        await records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="")
        if item.app_id == shop.id:
            assert await records.claims.promote(item, message="live")
    await records.accepted(shop)
    await records.deployments.move(shop.id, 2, "failed", of=("accepted",), message="no")
    await records.accepted(shop)
    await records.claims.claim("a worker")
    await records.accepted(idle)
    async with records.database.write() as db:
        old = {"leased_until": datetime.now(UTC) - timedelta(seconds=1), "created_at": datetime.now(UTC) - OLD}
        await db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.app_id == blog.id).values(old))


OLD = timedelta(hours=1)


async def test_deployments_are_counted_by_state_and_leases_by_who_has_them(records: Records) -> None:
    await make(records)
    found = await FiguresOfRecords(records.database).all()
    async with records.database.read() as db:
        rows = await db.execute(select(DEPLOYMENTS.c.state, func.count()).group_by(DEPLOYMENTS.c.state))
        assert found.deployments == {row[0]: row[1] for row in rows}
    assert found.deployments == {"live": 1, "failed": 1, "accepted": 2, "rolling": 1}
    assert found.leases == {"held": 1, "waiting": 1, "expired": 1}
    assert found.oldest["rolling"] == pytest.approx(OLD.total_seconds(), abs=60)
    assert 0 < found.oldest["accepted"] < 60
    assert found.oldest["created"] == 0
    assert (found.apps, found.suspended, found.teams, found.users) == (3, 0, 1, 1)


async def test_of_each_app_its_own(records: Records) -> None:
    await make(records)
    found = {app.name: app for app in await FiguresOfRecords(records.database).of_apps()}
    shop = found["shop"]
    assert (shop.team, shop.deployments, shop.live, shop.failed, shop.in_flight) == ("ann", 3, 1, 1, 1)
    assert (found["blog"].live, found["blog"].in_flight) == (None, 1)
    assert (found["idle"].deployments, found["idle"].failed) == (1, 0)
