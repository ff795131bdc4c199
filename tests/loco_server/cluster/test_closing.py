"""A server among several: which tokens it refuses because of what the others did."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import make_url, update

from loco_server.cluster.closing import LATE, ClosedElsewhere
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.tickets import deployment_key, pull_key
from loco_server.records.openings import Openings
from loco_server.records.suspensions import Suspensions
from loco_server.records.tables import USERS
from loco_server.records.values import AppRecord
from loco_server.registries.base import RegistryDownError
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import Records
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Elsewhere:
    """One server's memory, over records that another one writes."""

    def __init__(self, url: str) -> None:
        self.records = Records(url)
        self.clock = Clock()
        self.closed = ClosedDeployments(keep_seconds=300, clock=self.clock)
        self.ours = ClosedElsewhere(Openings(self.records.database), self.closed, clock=self.clock)

    async def begun(self, app: AppRecord, by: str | None = None) -> str:
        """Make a deployment that waits for its image; give its key."""
        item = await self.records.deployments.create(
            app, Service(name=app.name), (), action="deploy", created_by="ann", creator_id=by
        )
        return deployment_key(app.id, item.number)

    async def refuses(self, key: str) -> bool:
        await self.ours.see(key)
        return self.closed.is_closed(key)


@pytest.fixture
async def elsewhere(database: str) -> AsyncIterator[Elsewhere]:
    found = Elsewhere(database)
    yield found
    await found.records.database.close()


async def test_what_is_open_is_let_through_also_when_it_was_made_a_moment_ago(elsewhere: Elsewhere) -> None:
    app = await elsewhere.records.app()
    before = await elsewhere.begun(app)
    await elsewhere.ours.look()
    after = await elsewhere.begun(app)
    assert not await elsewhere.refuses(before)
    assert not await elsewhere.refuses(after)


async def test_what_was_opened_and_closed_between_two_looks_is_refused(elsewhere: Elsewhere) -> None:
    app = await elsewhere.records.app()
    await elsewhere.ours.look()
    key = await elsewhere.begun(app)
    await elsewhere.records.deployments.move(app.id, 1, "cancelled", of=("created",), message="cancelled")
    assert await elsewhere.refuses(key)


async def test_what_is_closed_is_refused_from_the_next_look_on_and_for_as_long_as_tokens_live(
    elsewhere: Elsewhere,
) -> None:
    app = await elsewhere.records.app()
    key = await elsewhere.begun(app)
    await elsewhere.ours.look()
    await elsewhere.records.deployments.move(app.id, 1, "checking", of=("created",), message="pushed")
    assert not await elsewhere.refuses(key)
    await elsewhere.ours.look()
    assert await elsewhere.refuses(key)
    elsewhere.clock.now += 299
    assert elsewhere.closed.is_closed(key)


async def test_an_app_that_is_gone_with_its_records_is_refused(elsewhere: Elsewhere) -> None:
    app = await elsewhere.records.app()
    key = await elsewhere.begun(app)
    await elsewhere.ours.look()
    await elsewhere.records.apps.delete(app.id)
    await elsewhere.ours.look()
    assert await elsewhere.refuses(key)


async def test_a_suspended_app_is_neither_pushed_nor_pulled(elsewhere: Elsewhere) -> None:
    app = await elsewhere.records.app()
    key = await elsewhere.begun(app)
    await elsewhere.ours.look()
    suspensions = Suspensions(elsewhere.records.database)
    found = await suspensions.find("app", "ann/shop")
    assert found is not None
    await suspensions.set(found, "mines coins")
    await elsewhere.ours.look()
    assert await elsewhere.refuses(key)
    assert await elsewhere.refuses(pull_key(app.id, app.pull_generation))
    assert not await elsewhere.refuses(pull_key(app.id, app.pull_generation + 1))


async def test_what_a_suspended_person_has_begun_elsewhere_is_refused(elsewhere: Elsewhere) -> None:
    app = await elsewhere.records.app()
    bob = await elsewhere.records.people.signed_in("local", "bob", "bob")
    mine, theirs = await elsewhere.begun(app), await elsewhere.begun(app, by=bob.id)
    await elsewhere.ours.look()
    async with elsewhere.records.database.write() as db:
        now = datetime.now(UTC)
        await db.execute(update(USERS).where(USERS.c.id == bob.id).values(suspended_at=now, suspended_reason="x"))
    await elsewhere.ours.look()
    assert (await elsewhere.refuses(mine), await elsewhere.refuses(theirs)) == (False, True)


async def test_without_the_records_pushes_wait_and_pulls_go_on(elsewhere: Elsewhere, postgres: Postgres) -> None:
    app = await elsewhere.records.app()
    key = await elsewhere.begun(app)
    await elsewhere.ours.look()
    elsewhere.clock.now += LATE + 1
    with pytest.raises(RegistryDownError, match="records do not tell"):
        await elsewhere.ours.see(key)
    await elsewhere.ours.see(pull_key(app.id, 1))
    await elsewhere.ours.look()
    await elsewhere.ours.see(key)
    postgres.drop(make_url(elsewhere.records.database.url).database or "")
    with pytest.raises(RegistryDownError, match="records do not tell"):
        await elsewhere.ours.see(deployment_key(app.id, 9))


async def test_what_this_server_closed_itself_stays_closed(elsewhere: Elsewhere) -> None:
    key = await elsewhere.begun(await elsewhere.records.app())
    await elsewhere.ours.look()
    elsewhere.closed.close(key)
    await elsewhere.ours.look()
    assert await elsewhere.refuses(key)
