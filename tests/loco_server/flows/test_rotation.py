"""A new key for variables while they are read and set, and what a missing key does to a start."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text, update

from loco_server import sealing
from loco_server.flows import rotation as rotation_module
from loco_server.flows.rotation import Rotation
from loco_server.records.tables_access import VARIABLES
from loco_server.records.variables import Variables
from loco_server.sealing import Key, Keyring
from loco_server.settings import Settings
from loco_server.variable_keys import KeyFile
from loco_spec.errors import Conflict, LocoError
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio

OLD, NEW = Key("mine1", b"1" * 32), Key("mine2", b"2" * 32)
PER_APP = 100


def again(records: Records, settings: Settings) -> tuple[Rotation, Variables, Keyring]:
    """What a server that starts has: no key yet."""
    ring = Keyring()
    variables = Variables(records.database, ring, digest_key=b"d" * 32)
    return Rotation(variables=variables, keyring=ring, key_file=KeyFile(settings)), variables, ring


@pytest.fixture
async def rotation(records: Records, settings: Settings) -> Rotation:
    """Unlocked, as in a server that runs; `records.variables` uses its keys."""
    found = Rotation(variables=records.variables, keyring=records.keyring, key_file=KeyFile(settings))
    records.keyring._known.clear()
    await found.unlock()
    return found


async def key_ids(records: Records) -> set[str]:
    async with records.database.read() as db:
        return set(await db.scalars(text("select distinct key_id from variables where key_id is not null")))


async def filled(records: Records, apps: int, each: int) -> list[str]:
    ids = []
    for n in range(apps):
        app = await records.app(f"shop-{n}")
        await records.variables.change(app.id, {f"V{i}": f"{app.id} {i}" for i in range(each)}, (), by="ann")
        ids.append(app.id)
    return ids


async def test_a_rotation_while_deployments_read_and_people_set_leaves_nothing_unreadable_and_nothing_on_the_old_key(
    records: Records, rotation: Rotation, settings: Settings, size: Callable[[str], int]
) -> None:
    count = size("rotated_variables")
    apps = await filled(records, count // PER_APP, PER_APP)
    pins = {f"V{i}": 1 for i in range(PER_APP)}
    ended, reads, progress = asyncio.Event(), 0, list[tuple[int, int]]()

    async def read(start: int) -> None:
        nonlocal reads
        while not ended.is_set():
            app_id = apps[(start + reads) % len(apps)]
            found = await records.variables.values(app_id, pins)
            assert found == {f"V{i}": f"{app_id} {i}" for i in range(PER_APP)}
            reads += 1

    async def set_() -> int:
        n = 0
        while not ended.is_set():
            n += 1
            await records.variables.change(apps[n % len(apps)], {f"NEW{n}": str(n)}, (), by="bob")
        return n

    async def rotate() -> rotation_module.Rotated:
        try:
            return await rotation.rotate(lambda done, total: progress.append((done, total)))
        finally:
            ended.set()

    done, _, _, sets = await asyncio.gather(rotate(), read(0), read(7), set_())
    assert await key_ids(records) == {done.key_id} == {"k2"}
    assert done.unneeded == ("k1",)
    assert done.values >= count
    assert progress[-1][0] == done.values
    assert reads > 1
    assert sets > 1
    assert [key.id for key in KeyFile(settings).load(make=False)] == ["k2"]
    fresh, variables, _ = again(records, settings)
    await fresh.unlock()
    for app_id in apps:
        assert (await variables.values(app_id, pins))["V9"] == f"{app_id} 9"


async def test_a_rotation_that_was_cut_short_is_finished_by_the_next_one_with_the_same_key(
    records: Records, rotation: Rotation, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation_module, "BATCH", 3)
    [app_id] = await filled(records, 1, 10)

    def cut(done: int, _total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotation.rotate(cut)
    assert await key_ids(records) == {"k1", "k2"}
    resumed, variables, ring = again(records, settings)
    await resumed.unlock()
    assert ring.ids == ("k2", "k1")
    assert (await variables.values(app_id, {"V0": 1, "V9": 1})) == {"V0": f"{app_id} 0", "V9": f"{app_id} 9"}
    done = await resumed.rotate()
    assert (done.key_id, done.resumed, done.values, done.unneeded) == ("k2", True, 4, ("k1",))
    assert await key_ids(records) == {"k2"}
    assert (await resumed.rotate()).key_id == "k3"


async def test_the_digest_that_people_see_is_the_same_after_a_rotation(records: Records, rotation: Rotation) -> None:
    [app_id] = await filled(records, 1, 1)
    before = await records.variables.history(app_id)
    await rotation.rotate()
    assert await records.variables.history(app_id) == before
    assert (await records.variables.change(app_id, {"V0": f"{app_id} 0"}, (), by="ann")).unchanged == ("V0",)


async def test_a_purge_in_the_middle_of_a_rotation_stays_one(records: Records, rotation: Rotation) -> None:
    [app_id] = await filled(records, 1, 2)
    rows = await records.variables.not_sealed_with("k2", limit=9)
    await records.variables.purge(app_id, "V0")
    await records.variables.seal_again(rows)
    assert [item.action for item in await records.variables.history(app_id, "V0")] == ["purged"]


async def test_a_value_that_cannot_be_opened_stops_the_rotation_and_no_key_is_dropped(
    records: Records, rotation: Rotation, settings: Settings
) -> None:
    await filled(records, 1, 2)
    async with records.database.write() as db:
        await db.execute(update(VARIABLES).where(VARIABLES.c.name == "V1").values(value="v1.k1.AAAA"))
    with pytest.raises(LocoError, match="variable V1, version 1"):
        await rotation.rotate()
    assert [key.id for key in KeyFile(settings).load(make=False)] == ["k2", "k1"]


async def test_one_rotation_at_a_time(records: Records, rotation: Rotation) -> None:
    await filled(records, 1, 1)
    async with rotation._one:
        with pytest.raises(Conflict, match="already"):
            await rotation.rotate()


async def test_a_start_without_a_key_that_is_needed_is_refused_and_makes_none(
    records: Records, rotation: Rotation, settings: Settings
) -> None:
    await filled(records, 1, 1)
    file = KeyFile(settings)
    kept = file.path.read_text()
    file.path.unlink()
    with pytest.raises(LocoError, match="are not there"):
        await again(records, settings)[0].unlock()
    assert not file.path.exists()
    file.save([NEW])
    with pytest.raises(LocoError, match=r"sealed with the key k1, and .* does not have it") as caught:
        await again(records, settings)[0].unlock()
    assert caught.value.hint.startswith("put the key back")
    file.save([sealing.new_key()])
    with pytest.raises(LocoError, match=r"the key k1 in .* is not the one"):
        await again(records, settings)[0].unlock()
    file.path.write_text(kept)
    await again(records, settings)[0].unlock()


async def test_the_operators_keys_are_read_again_and_their_file_is_left_as_it_is(
    records: Records, settings: Settings, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.keys"
    mine.write_text(sealing.written([OLD]))
    rotation, variables, ring = again(records, replace(settings, secret_keys=mine))
    await rotation.unlock()
    app = await records.app()
    await variables.change(app.id, {"A": "1"}, (), by="ann")
    with pytest.raises(Conflict, match="has no new key: mine1 is the first"):
        await rotation.rotate()
    mine.write_text(sealing.written([NEW]))
    with pytest.raises(Conflict, match="has lost the key mine1"):
        await rotation.rotate()
    mine.write_text(sealing.written([NEW, OLD]))
    done = await rotation.rotate()
    assert (done.key_id, done.values, done.unneeded) == ("mine2", 1, ("mine1",))
    assert sealing.read(mine.read_text()) == (NEW, OLD)
    assert await key_ids(records) == {"mine2"}
    assert ring.ids == ("mine2", "mine1")
