"""What counts as a sign of use, and who may take back that an app was stopped. On both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from loco_server.records.change import Change
from loco_server.records.suspensions import Subject, Suspensions
from loco_server.records.tables import TEAMS
from loco_server.records.uses import Use
from loco_server.records.values import AppRecord
from loco_server.units import UnitRoute
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import NOW, Records, route

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=100)


async def use(records: Records, app: AppRecord) -> Use:
    [found] = [each for each in await records.uses.all() if each.app_id == app.id]
    return found


async def app_of(records: Records, app_id: str) -> AppRecord:
    found = await records.apps.by_id(app_id)
    assert found is not None
    return found


async def changed(records: Records, app: AppRecord, actor: str) -> None:
    change = Change(actor=actor, action="app.source", subject=app.name, team_id=app.team_id, app=app.name)
    async with records.audit.change(change):
        await records.apps.set_source(app.id, "any", ())


def always(_: Use) -> bool:
    return True


async def test_an_app_without_a_deployment_was_used_when_it_was_made(records: Records) -> None:
    app = await records.app()
    found = await use(records, app)
    assert (found.last, found.used_at, found.counted, found.inner) == (NOW, None, False, False)


async def test_a_deployment_is_a_sign_and_holds_everything_while_it_is_on_its_way(records: Records) -> None:
    app = await records.app()
    number = await records.accepted(app)
    found = await use(records, app)
    assert found.in_flight
    assert found.deployed_at > NOW
    await records.deployments.move(app.id, number, "failed", of=("accepted",), message="no")
    found = await use(records, app)
    assert not found.in_flight
    assert found.deployed_at > NOW


@pytest.mark.parametrize("routes", [[], [route("shop.localhost")]])
async def test_what_runs_without_a_route_is_an_inner_one(records: Records, routes: list[UnitRoute]) -> None:
    app = await records.app()
    made = records.deployments
    item = await made.create(app, Service(name="shop"), routes, action="deploy", created_by="ann")
    assert not (await use(records, app)).inner
    await made.move(app.id, item.number, "live", of=("created",), message="live")
    assert (await use(records, app)).inner == (not routes)


async def test_changes_by_people_are_signs_and_those_of_the_platform_are_not(records: Records) -> None:
    app, other = await records.app(), await records.app("other")
    for actor in ("loco", "operator"):
        await changed(records, app, actor)
    assert (await use(records, app)).used_at is None
    await changed(records, app, "ann")
    assert (await use(records, app)).used_at is not None
    assert (await use(records, other)).used_at is None


async def test_a_request_with_the_apps_own_token_is_a_sign(records: Records) -> None:
    app = await records.app()
    user = await records.people.signed_in("local", "ann", "ann")
    await records.people.add_token(
        "t", user.id, kind="access", sha256="0", expires_at=None, team_id=app.team_id, app_id=app.id, can="read"
    )
    await records.people.used("t", "10.0.0.1")
    assert (await use(records, app)).used_at is not None


async def test_another_number_of_requests_than_before_is_a_use_and_the_same_is_none(records: Records) -> None:
    app, quiet = await records.app(), await records.app("quiet")
    await records.uses.count({app.id: 5, quiet.id: 0, "gone000000": 7}, NOW)
    assert (await use(records, app)).used_at == NOW
    found = await use(records, quiet)
    assert (found.used_at, found.counted) == (None, True)
    await records.uses.count({app.id: 5}, LATER)
    assert (await use(records, app)).used_at == NOW
    await records.uses.count({app.id: 0}, LATER)  # the edge was started anew
    assert (await use(records, app)).used_at == NOW
    await records.uses.count({app.id: 1}, LATER)
    assert (await use(records, app)).used_at == LATER


async def test_a_stopped_app_is_suspended_until_its_team_wakes_it(records: Records) -> None:
    app = await records.app()
    assert await records.uses.warn(app.id, NOW, always)
    assert await records.uses.stop(app.id, LATER, "nobody uses it", always)
    stopped = await app_of(records, app.id)
    assert stopped.suspended == "app shop is suspended: nobody uses it"
    assert stopped.unused
    assert stopped.pull_generation == app.pull_generation + 1
    assert (await use(records, app)).stopped_at == LATER
    assert not (await use(records, app)).suspended
    assert await records.uses.wake(app.id)
    assert not await records.uses.wake(app.id)
    woken = await app_of(records, app.id)
    assert (woken.suspended, woken.unused) == (None, False)
    found = await use(records, app)
    assert (found.stopped_at, found.warned_at, found.used_at) == (None, None, LATER), "it is not stopped again at once"


async def test_what_the_operator_suspends_is_not_woken_by_its_team(records: Records) -> None:
    app = await records.app()
    suspensions = Suspensions(records.database)
    subject = Subject("app", app.id, "ann/shop", None)
    await records.uses.stop(app.id, NOW, "nobody uses it", always)
    await suspensions.set(subject, "mines coins")
    assert not await records.uses.wake(app.id)
    held = await app_of(records, app.id)
    assert (held.suspended, held.unused) == ("app shop is suspended: mines coins", False)
    assert (await use(records, app)).suspended
    await suspensions.set(subject, None)
    found = await use(records, app)
    assert (found.suspended, found.stopped_at, found.warned_at) == (False, None, None)


async def test_what_is_stopped_with_its_team_too_is_not_woken(records: Records) -> None:
    app = await records.app()
    await records.uses.stop(app.id, NOW, "nobody uses it", always)
    async with records.database.write() as db:
        suspended = {"suspended_at": datetime.now(UTC), "suspended_reason": "spam"}
        await db.execute(update(TEAMS).where(TEAMS.c.id == app.team_id).values(suspended))
    assert (await use(records, app)).suspended
    assert not await records.uses.wake(app.id)
    assert (await app_of(records, app.id)).suspended == "app shop is suspended: nobody uses it"


async def test_what_does_not_hold_any_more_is_not_done(records: Records) -> None:
    app = await records.app()

    def never(found: Use) -> bool:
        assert found.app_id == app.id
        return False

    assert not await records.uses.warn(app.id, NOW, never)
    assert not await records.uses.stop(app.id, NOW, "why", never)
    assert not await records.uses.end(app.id, NOW, never)
    assert not await records.uses.end("gone000000", NOW, always)
    found = await use(records, app)
    assert (found.warned_at, found.stopped_at, found.destroying) == (None, None, False)
    assert await records.uses.end(app.id, NOW, always)
    assert (await use(records, app)).destroying
