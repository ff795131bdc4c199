"""What teams have, counted; and that two who ask at once do not both get the last of it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from loco_server.records.quotas import Judge
from loco_server.records.tables import DEPLOYMENTS
from loco_server.records.values import AppRecord, TeamUsage
from loco_spec import names
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import DIGEST, NOW, Records

pytestmark = pytest.mark.anyio

ROUNDS = 10


class NoRoomError(Exception):
    pass


def at_most(limit: int, count: Callable[[TeamUsage], int]) -> Judge:
    def judge(used: TeamUsage) -> None:
        if count(used) >= limit:
            raise NoRoomError

    return judge


def spec(name: str, **more: Any) -> Service:
    return Service.model_validate({"name": name, **more})


async def moved(records: Records, app: AppRecord, number: int, state: str) -> None:
    assert await records.deployments.move(
        app.id, number, state, of=("accepted", "releasing", "rolling", "live"), message=state
    )


async def accept(records: Records, app: AppRecord, number: int, judge: Judge) -> str:
    try:
        return await records.deployments.accept(app, number, digest=DIGEST, user_id=1, of="created", judge=judge)
    except NoRoomError:
        return "refused"


async def waiting(records: Records, app: AppRecord, **more: Any) -> int:
    item = await records.deployments.create(app, spec(app.name, **more), [], action="deploy", created_by="ann")
    return item.number


async def test_a_team_has_of_each_app_the_larger_of_what_is_live_and_what_comes(records: Records) -> None:
    shop, blog, old = await records.app("shop"), await records.app("blog"), await records.app("old")
    foreign = await records.app("shop", "bob")
    large, small = {"scale": {"max": 4}}, {"resources": {"cpu": "1", "memory": "1Gi"}}
    await moved(records, shop, await records.accepted(shop, spec=spec("shop", **large)), "live")
    await records.accepted(shop, spec=spec("shop", **small))
    await moved(records, blog, await records.accepted(blog, spec=spec("blog")), "rolling")
    await waiting(records, blog, **large)  # no image yet
    await moved(records, old, await records.accepted(old, spec=spec("old", **large)), "failed")
    await records.accepted(foreign, host="other.localhost", spec=spec("shop", **large))
    found = await records.quotas.usage(shop.team_id)
    assert (found.apps, found.has_app, found.own) == (3, False, {})
    assert found.others == {"cpu": 1000 + 250, "memory": (1 << 30) + (256 << 20), "replicas": 4 + 1}
    apart = await records.quotas.usage(shop.team_id, "shop")
    assert (apart.apps, apart.has_app) == (3, True)
    assert apart.own == {"cpu": 1000, "memory": 1 << 30, "replicas": 4}
    assert apart.others == {"cpu": 250, "memory": 256 << 20, "replicas": 1}
    assert len(found.hour) == 5


async def test_numbers_of_the_last_hour_count_whatever_became_of_them(records: Records) -> None:
    app, other = await records.app("one"), await records.app("two")
    numbers = [(app, await waiting(records, app)) for _ in range(3)] + [(other, await waiting(records, other))]
    async with records.database.write() as db:
        for (of, number), age in zip(numbers, (30, 3601, 3590, 1800), strict=True):
            made = datetime.now(UTC) - timedelta(seconds=age)
            this = (DEPLOYMENTS.c.app_id == of.id, DEPLOYMENTS.c.number == number)
            await db.execute(update(DEPLOYMENTS).where(*this).values(created_at=made, state="expired"))
    first, second, third = (await records.quotas.usage(app.team_id)).hour
    assert (5 <= first <= 10, 1795 <= second <= 1800, 3565 <= third <= 3570) == (True, True, True)


async def test_overrides_are_the_teams_and_come_with_its_use(records: Records) -> None:
    ann, bob = await records.team("ann"), await records.team("bob")
    assert (await records.quotas.get(ann.id), await records.quotas.team_id("ann")) == ({}, ann.id)
    await records.quotas.change(ann.id, lambda _: {"cpu": 4000})
    assert await records.quotas.get(ann.id) == {"cpu": 4000}
    assert (await records.quotas.usage(ann.id)).overrides == {"cpu": 4000}
    assert (await records.quotas.usage(bob.id)).overrides == {}
    assert (await records.quotas.get("nobody"), await records.quotas.team_id("nobody")) == ({}, None)


async def test_what_is_refused_leaves_no_number_no_app_and_the_state_as_it_was(records: Records) -> None:
    app = await records.app()
    number = await waiting(records, app)
    never = at_most(0, lambda used: used.apps)
    assert await accept(records, app, number, never) == "refused"
    with pytest.raises(NoRoomError):
        await records.deployments.create(app, spec("shop"), [], action="deploy", created_by="ann", judge=never)
    with pytest.raises(NoRoomError):
        await records.apps.create(another(app, "blog"), never)
    assert [item.state for item in await records.deployments.of_app(app.id)] == ["created"]
    assert [found.name for found in await records.apps.of_team(app.team_id)] == ["shop"]


def another(app: AppRecord, name: str) -> AppRecord:
    return AppRecord(names.new_id(), app.team_id, app.team, name, pull_generation=1, created_at=NOW)


async def test_of_two_apps_whose_images_arrive_at_once_one_gets_the_last_replica(records: Records) -> None:
    for index in range(ROUNDS):
        apps = [await records.app(f"{name}-{index}") for name in ("one", "two")]
        numbers = [await waiting(records, app) for app in apps]
        judge = at_most(index + 1, lambda used: used.others["replicas"])
        found = await asyncio.gather(
            *(accept(records, app, number, judge) for app, number in zip(apps, numbers, strict=True))
        )
        assert sorted(found) == ["accepted", "refused"]


async def test_of_two_apps_that_are_made_at_once_one_is_the_last_and_one_of_the_same_name_is_the_same(
    records: Records,
) -> None:
    first = await records.app("first")

    async def make(name: str, judge: Judge) -> str:
        try:
            return (await records.apps.create(another(first, name), judge)).id
        except NoRoomError:
            return "refused"

    for index in range(ROUNDS):
        judge = at_most(index + 2, lambda used: used.apps - used.has_app)
        found = await asyncio.gather(*(make(f"{name}-{index}", judge) for name in ("one", "two")))
        assert found.count("refused") == 1
        assert len(await records.apps.of_team(first.team_id)) == index + 2
        assert len(set(await asyncio.gather(*(make("first", at_most(index + 2, _others)) for _ in range(2))))) == 1


def _others(used: TeamUsage) -> int:
    return used.apps - used.has_app


async def test_of_two_numbers_asked_for_at_once_one_is_the_hours_last(records: Records) -> None:
    app, other = await records.app("one"), await records.app("two")

    async def number(of: AppRecord, judge: Judge) -> bool:
        try:
            await records.deployments.create(of, spec(of.name), [], action="deploy", created_by="ann", judge=judge)
        except NoRoomError:
            return False
        return True

    for index in range(ROUNDS):
        judge = at_most(index + 1, lambda used: len(used.hour))
        assert sorted(await asyncio.gather(number(app, judge), number(other, judge))) == [False, True]


async def test_two_changes_at_once_are_both_there(records: Records) -> None:
    ann = await records.team("ann")
    await asyncio.gather(
        *(records.quotas.change(ann.id, lambda had, name=name: {**had, name: 7}) for name in ("cpu", "memory", "apps"))  # type: ignore[misc]
    )
    assert await records.quotas.get(ann.id) == {"cpu": 7, "memory": 7, "apps": 7}
