"""Variables in the records: versions, pins, purges; and that no row holds a value in plain."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from loco_server.records.tables_access import VARIABLES
from loco_server.records.values import AppRecord
from loco_server.records.variables import Changed
from loco_server.sealing import Key, UnreadableError
from loco_spec.errors import Conflict
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


async def set_(records: Records, app: AppRecord, **values: str) -> Changed:
    return await records.variables.change(app.id, values, (), by="ann")


async def unset(records: Records, app: AppRecord, *names: str) -> Changed:
    return await records.variables.change(app.id, {}, names, by="bob")


async def live(records: Records, app: AppRecord) -> int:
    number = await records.accepted(app)
    for item in await records.claims.claim("w"):
        await records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await records.claims.promote(item, message="live")
    return number


async def test_each_change_is_a_version_and_one_that_changes_nothing_is_none(records: Records) -> None:
    app = await records.app()
    assert await set_(records, app, A="1", B="2") == Changed(set=("A", "B"))
    assert await set_(records, app, A="1", B="3") == Changed(set=("B",), unchanged=("A",))
    assert await unset(records, app, "A", "C") == Changed(unset=("A",), unchanged=("C",))
    assert await unset(records, app, "A") == Changed(unchanged=("A",))
    assert await set_(records, app, A="1") == Changed(set=("A",))
    history = [(item.name, item.version, item.action, item.set_by) for item in await records.variables.history(app.id)]
    assert sorted(history) == [
        ("A", 1, "set", "ann"),
        ("A", 2, "unset", "bob"),
        ("A", 3, "set", "ann"),
        ("B", 1, "set", "ann"),
        ("B", 2, "set", "ann"),
    ]
    assert [item.version for item in await records.variables.history(app.id, "B")] == [2, 1]
    first, third = (item for item in await records.variables.history(app.id, "A") if item.action == "set")
    assert first.digest == third.digest


async def test_all_or_nothing_is_set(records: Records) -> None:
    app = await records.app()

    def refuse(total: int) -> None:
        raise ValueError(total)

    with pytest.raises(ValueError, match="5"):
        await records.variables.change(app.id, {"A": "1", "BC": "9"}, (), by="ann", check=refuse)
    assert await records.variables.newest(app.id) == []


async def test_the_total_counts_what_would_be_set_and_not_what_was(records: Records) -> None:
    app, totals = await records.app(), list[int]()
    await records.variables.change(app.id, {"A": "ü" * 10}, (), by="ann", check=totals.append)
    await records.variables.change(app.id, {"B": "12345"}, (), by="ann", check=totals.append)
    await records.variables.change(app.id, {"B": "1"}, ["A"], by="ann", check=totals.append)
    assert totals == [21, 27, 2]


async def test_a_deployment_has_what_was_set_when_it_was_accepted_and_keeps_it(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="1", B="1")
    first = await live(records, app)
    await set_(records, app, A="2")
    await unset(records, app, "B")
    second = await live(records, app)
    pins = []
    for number in (first, second):
        item = await records.deployments.get(app.id, number)
        assert item is not None
        pins.append(dict(item.variables))
    assert pins == [{"A": 1, "B": 1}, {"A": 2}]
    assert await records.variables.values(app.id, pins[0]) == {"A": "1", "B": "1"}
    assert await records.variables.values(app.id, pins[1]) == {"A": "2"}


async def test_no_row_holds_a_value_in_plain(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="sesame")
    async with records.database.read() as db:
        [row] = await db.execute(select(VARIABLES))
    assert "sesame" not in str(tuple(row))
    assert row.value.startswith("v1.k1.")


@pytest.mark.parametrize("moved", ["app", "name", "version"])
async def test_a_sealed_value_that_was_moved_in_the_records_is_noticed(records: Records, moved: str) -> None:
    shop, other = await records.app(), await records.app("other")
    await set_(records, shop, A="sesame", B="open")
    await set_(records, shop, A="changed")
    await set_(records, other, A="theirs")
    target = {"app": (other.id, "A", 1), "name": (shop.id, "B", 1), "version": (shop.id, "A", 2)}[moved]
    async with records.database.write() as db:
        sealed = await db.scalar(
            select(VARIABLES.c.value).where(
                VARIABLES.c.app_id == shop.id, VARIABLES.c.name == "A", VARIABLES.c.version == 1
            )
        )
        await db.execute(
            update(VARIABLES)
            .where(VARIABLES.c.app_id == target[0], VARIABLES.c.name == target[1], VARIABLES.c.version == target[2])
            .values(value=sealed)
        )
    with pytest.raises(UnreadableError):
        await records.variables.values(target[0], {target[1]: target[2]})
    assert await records.variables.values(shop.id, {"A": 1}) == {"A": "sesame"}


async def test_a_purge_takes_every_value_and_says_who_cannot_come_back_whole(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="1", B="1")
    first = await live(records, app)
    await set_(records, app, A="2")
    second = await live(records, app)
    await unset(records, app, "A")
    await live(records, app)
    done = await records.variables.purge(app.id, "A")
    assert (done.versions, done.deployments) == (2, (first, second))
    async with records.database.read() as db:
        rows = (await db.execute(select(VARIABLES).where(VARIABLES.c.name == "A"))).all()
    assert [(row.value, row.key_id, row.digest) for row in rows] == [(None, None, None)] * 3
    with pytest.raises(UnreadableError, match="A is gone: it was purged"):
        await records.variables.values(app.id, {"A": 1, "B": 1})
    assert {item.action for item in await records.variables.history(app.id, "A")} == {"purged", "unset"}
    assert await set_(records, app, A="2") == Changed(set=("A",))
    assert (await records.variables.history(app.id, "A"))[0].version == 4


async def test_what_serves_or_is_about_to_keeps_its_values(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="1")
    number = await records.accepted(app)
    with pytest.raises(Conflict, match=f"v{number} is accepted and has A"):
        await records.variables.purge(app.id, "A")
    await live(records, app)
    with pytest.raises(Conflict, match="is live and has A") as caught:
        await records.variables.purge(app.id, "A")
    assert caught.value.hint == "loco variables unset A --purge"


async def test_an_app_that_is_going_takes_no_variables(records: Records) -> None:
    app = await records.app()
    await records.apps.mark_destroying(app.id)
    with pytest.raises(Conflict):
        await set_(records, app, A="1")
    await records.apps.delete(app.id)
    with pytest.raises(Conflict):
        await set_(records, replace(app, id="zzzzzzzzzz"), A="1")


async def test_the_variables_go_with_the_app(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="1")
    await records.apps.delete(app.id)
    assert await records.variables.samples() == {}


async def test_a_value_that_cannot_be_opened_can_be_set_anew(records: Records) -> None:
    app = await records.app()
    await set_(records, app, A="1")
    records.keyring._known.clear()
    records.keyring.adopt([Key("k7", b"7" * 32)])
    assert await set_(records, app, A="1") == Changed(set=("A",))
    assert await records.variables.values(app.id, {"A": 2}) == {"A": "1"}
