"""What holds when much happens at once: on PostgreSQL transactions run side by side."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from loco_server.records.apps import Apps, RouteTakenError
from loco_server.records.tables import HOSTS
from loco_server.records.values import AppRecord
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, Records, route

pytestmark = pytest.mark.anyio

ROUNDS = 10


async def waiting(records: Records, app: AppRecord, hosts: Sequence[str]) -> int:
    """Give the number of a deployment whose image is being checked."""
    routes = [route(host) for host in hosts]
    item = await records.deployments.create(app, Service(name=app.name), routes, action="deploy", created_by="ann")
    return item.number


async def accept(records: Records, app: AppRecord, number: int) -> str:
    try:
        return await records.deployments.accept(app, number, digest=DIGEST, user_id=1, of="created")
    except RouteTakenError:
        return "taken"


async def test_of_two_images_that_arrive_at_once_only_the_newer_is_rolled(records: Records) -> None:
    for index in range(ROUNDS):
        app = await records.app(f"shop-{index}")
        older, newer = await waiting(records, app, []), await waiting(records, app, [])
        await asyncio.gather(accept(records, app, older), accept(records, app, newer))
        states = {item.number: item.state for item in await records.deployments.of_app(app.id)}
        assert states == {older: "superseded", newer: "accepted"}


async def test_of_two_teams_that_want_a_host_at_once_one_gets_it(records: Records) -> None:
    for index in range(ROUNDS):
        host = f"shop-{index}.localhost"
        ann, bob = await records.app("shop", "ann"), await records.app("shop", "bob")
        numbers = [await waiting(records, app, [host]) for app in (ann, bob)]
        found = await asyncio.gather(accept(records, ann, numbers[0]), accept(records, bob, numbers[1]))
        assert sorted(found) == ["accepted", "taken"]
        winner = ann if found[0] == "accepted" else bob
        assert await records.apps.host_owner(host) == winner.team_id
        assert await records.apps.route_owner(host, "/") == winner.id


async def test_two_apps_of_a_team_that_want_the_same_hosts_in_another_order_do_not_wait_in_a_ring(
    records: Records,
) -> None:
    for index in range(ROUNDS):
        hosts = [f"{index}-{letter}.localhost" for letter in "ab"]
        one, two = await records.app("one"), await records.app("two")
        numbers = [await waiting(records, one, hosts), await waiting(records, two, hosts[::-1])]
        found = await asyncio.gather(accept(records, one, numbers[0]), accept(records, two, numbers[1]))
        assert sorted(found) == ["accepted", "taken"]


async def test_a_host_that_one_app_leaves_while_another_comes_is_not_given_away(records: Records) -> None:
    for index in range(ROUNDS):
        host = f"host-{index}.localhost"
        leaving = await records.app(f"leaving-{index}")
        await records.accepted(leaving, host=host)
        coming = await records.app(f"coming-{index}")
        item = await records.deployments.create(
            coming, Service(name="coming"), [route(host, "/api")], action="deploy", created_by="ann"
        )
        await asyncio.gather(records.apps.delete(leaving.id), accept(records, coming, item.number))
        assert await records.apps.route_owner(host, "/api") == coming.id
        async with records.database.read() as db:
            assert await db.scalar(select(HOSTS.c.free_at).where(HOSTS.c.host == host)) is None


async def test_a_deployment_that_a_worker_begins_while_a_newer_is_accepted_has_one_fate(records: Records) -> None:
    for index in range(ROUNDS):
        app = await records.app(f"shop-{index}")
        older = await records.accepted(app, host=f"{index}.localhost")
        newer = await waiting(records, app, [])
        [item] = [found for found in await records.claims.claim("w1") if found.app_id == app.id]
        began, _ = await asyncio.gather(
            records.deployments.move(
                app.id, older, "rolling", of=("accepted",), message="x", owner="w1", attempt=item.attempt
            ),
            accept(records, app, newer),
        )
        states = {found.number: found.state for found in await records.deployments.of_app(app.id)}
        assert states == {older: "rolling" if began else "superseded", newer: "accepted"}
        events = [event.number for event in await records.events.after(app.id, older, 0)]
        assert events == list(range(1, len(events) + 1))


async def test_an_app_that_many_make_at_once_is_one(records: Records) -> None:
    assert len({app.id for app in await asyncio.gather(*(records.app() for _ in range(8)))}) == 1


async def test_two_servers_that_start_at_once_agree_on_the_installation(records: Records) -> None:
    assert len(set(await asyncio.gather(*(records.facts.installation() for _ in range(8))))) == 1


async def test_deletions_from_the_registry_at_once_leave_one_mark(records: Records) -> None:
    await asyncio.gather(*(records.facts.add_garbage() for _ in range(8)))
    mark = await records.facts.garbage()
    assert mark is not None
    await records.facts.clear_garbage(mark)
    assert await records.facts.garbage() is None


async def test_a_name_with_a_zero_in_it_is_looked_for_and_not_found(records: Records) -> None:
    app = await records.app()
    assert await Apps(records.database).find(app.team_id, "sh\0op") is None
    number = await records.accepted(app)
    await records.events.add(app.id, number, "a\0b", detail={"line": "a\0b"})
    [event] = (await records.events.after(app.id, number, 0))[-1:]
    assert event.message in {"a\0b", "a\N{REPLACEMENT CHARACTER}b"}
    assert event.detail == {"line": "a\0b"}
