"""`loco-server admin backup | restore`, on both databases and from each to the other."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select, update

from loco_server.local import archive, lock
from loco_server.records import schema
from loco_server.records.build_logs import BuildLogs
from loco_server.records.kept_logs import KeptLogs
from loco_server.records.tables import APPS, DEPLOYMENTS, EVENTS
from loco_server.records.tables_access import AUDIT_EVENTS
from loco_server.sealing import new_key, written
from loco_spec.events import LogLine
from loco_spec.kinds.service import Service
from tests.loco_server.local.backups import (
    Operator,
    Place,
    Places,
    comparable,
    environment,
    manifest,
    places,
    rewritten,
    several,
)
from tests.loco_server.records.databases import Records, route
from tests.loco_server.records.test_schema import connected, fill, rows

BOTH = ["sqlite", "postgresql"]
pytestmark = [pytest.mark.anyio, pytest.mark.sample("backups")]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    return places(tmp_path, request)


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Operator:
    return Operator(monkeypatch, capfd)


def filled(found: Place, *, count: int = 3) -> Place:
    schema.upgrade(found.url)
    fill(found.url)
    several(found.url, count)
    return found


@pytest.mark.parametrize("to", BOTH)
@pytest.mark.parametrize("of", BOTH)
def test_every_record_comes_back_on_the_same_database_and_on_the_other(
    of: str, to: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source, target, file = filled(place(of), count=250), place(to), tmp_path / "loco.backup"
    before = comparable(rows(source.url))
    assert f"(schema {schema.head()})" in operator(source, "backup", file)
    assert file.stat().st_mode & 0o777 == 0o600
    said = operator(target, "restore", file)
    assert "restored" in said
    assert comparable(rows(source.url)) == before
    after = comparable(rows(target.url))
    assert [after.pop("kept_logs"), after.pop("build_logs")] == [[], []]
    assert [row["action"] for row in after["audit_events"]].count("records.restore") == 1
    after["audit_events"] = [row for row in after["audit_events"] if row["action"] != "records.restore"]
    assert after == {name: before[name] for name in after}
    schema.differences(target.url)  # raises when they differ


@pytest.mark.parametrize("step", schema.revisions())
def test_a_backup_of_an_older_schema_is_brought_to_this_one(
    step: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source, target, file = place("sqlite"), place("sqlite"), tmp_path / "loco.backup"
    schema.upgrade(source.url, step)
    fill(source.url)
    operator(source, "backup", file)
    operator(target, "restore", file)
    assert schema.revision(target.url) == schema.head()
    assert [row["name"] for row in rows(target.url)["apps"]] == [row["name"] for row in rows(source.url)["apps"]]


@pytest.mark.parametrize("kind", BOTH)
def test_new_records_go_on_after_the_restored_ones(
    kind: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source, target, file = filled(place("sqlite")), place(kind), tmp_path / "loco.backup"
    operator(source, "backup", file)
    operator(target, "restore", file)
    with connected(target.url) as db:
        newest = db.scalar(select(func.max(AUDIT_EVENTS.c.id)))
        event = dict(db.execute(select(AUDIT_EVENTS)).mappings().first() or {})
        db.execute(insert(AUDIT_EVENTS).values(_no_id(event)))
        assert db.scalar(select(func.max(AUDIT_EVENTS.c.id))) == newest + 1
        assert db.scalars(select(APPS.c.last_number)).all() == [107] * 4


def _no_id(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "id"}


@pytest.mark.parametrize("kind", BOTH)
async def test_what_was_under_way_is_let_go_of_and_no_ticket_is_good_any_more(
    kind: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source, target, file = place(kind), place(kind), tmp_path / "loco.backup"
    schema.upgrade(source.url)
    records = Records(source.url)
    app, other = await records.app("shop"), await records.app("api")
    rolling = await records.accepted(app)
    [claimed] = await records.claims.claim("old")
    pushed = await records.deployments.create(
        other,
        Service(name="api"),
        [route("api.localhost")],
        action="deploy",
        created_by="ann",
        ticket_sha256="f" * 64,
        ticket_expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    await records.database.close()
    operator(source, "backup", file)
    operator(target, "restore", file)
    records = Records(target.url)
    [again] = await records.claims.claim("new")
    assert (again.app_id, again.number) == (app.id, rolling)
    assert again.attempt > claimed.attempt + 50  # the engine has seen later attempts than the backup
    [waiting] = await records.deployments.in_state("created")
    assert waiting.number == pushed.number
    assert waiting.ticket_sha256 is None
    assert waiting.ticket_expires_at is not None
    assert waiting.ticket_expires_at <= datetime.now(UTC)
    await records.database.close()


@pytest.mark.parametrize("kind", BOTH)
async def test_a_backup_while_others_write_is_of_one_moment(
    kind: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source = place(kind)
    schema.upgrade(source.url)
    records, ended = Records(source.url), asyncio.Event()
    apps = [await records.app(f"app-{n}") for n in range(3)]

    async def write(n: int) -> None:
        while not ended.is_set():
            item = await records.accepted(apps[n], host=f"app-{n}.localhost")
            await records.events.add(apps[n].id, item, "one more")

    writers = [asyncio.create_task(write(n)) for n in range(3)]
    made = [await asyncio.to_thread(archive.save, source.url, tmp_path / f"{n}.backup") for n in range(3)]
    ended.set()
    await asyncio.gather(*writers)
    await records.database.close()
    counts = [each.tables["events"].rows for each in made]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]  # they did write meanwhile
    for n in range(3):
        target = place(kind)
        operator(target, "restore", tmp_path / f"{n}.backup")
        with connected(target.url) as db:
            numbers: dict[str, list[int]] = {}
            for item in db.execute(select(DEPLOYMENTS).order_by(DEPLOYMENTS.c.number)):
                numbers.setdefault(item.app_id, []).append(item.number)
                events = select(EVENTS.c.number).where(
                    EVENTS.c.app_id == item.app_id, EVENTS.c.deployment == item.number
                )
                assert sorted(db.scalars(events)) == list(range(1, item.last_event + 1))
            for app in db.execute(select(APPS)):
                assert numbers.get(app.id, []) == list(range(1, app.last_number - 100 + 1))


def test_nothing_that_opens_anything_is_in_it(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, file = place("sqlite"), tmp_path / "loco.backup"
    schema.upgrade(source.url)
    key, planted = new_key(), {name: token_hex(16) for name in ("value", "log", "build")}
    (source.data_dir / "keys" / "variables.keys").write_text(written([key]))

    async def plant() -> None:
        records = Records(source.url)
        records.keyring.adopt([key])
        app = await records.app()
        await records.variables.change(app.id, {"SECRET": planted["value"]}, (), by="ann")
        item = await records.deployments.create(app, Service(name="shop"), [], action="deploy", created_by="ann")
        assert await BuildLogs(records.database).keep(app.id, item.number, planted["build"])
        line = LogLine(instance="v1-1", deployment=1, at="2026-01-31T12:00:00.000000000Z", text=planted["log"])
        await KeptLogs(records.database).keep(app.id, item.number, "v1-1", [line])
        await records.database.close()

    asyncio.run(plant())
    said = operator(source, "backup", file)
    assert "cannot be opened without k1" in said
    with zipfile.ZipFile(file) as found:
        texts = [found.read(name).decode() for name in found.namelist()]
    for secret in (*planted.values(), written([key]).strip().partition(":")[2]):
        assert not [text for text in texts if secret in text]
    assert manifest(file)["key_ids"] == ["k1"]
    # The keys come separately: what needs them is told until they are there.
    target = place("sqlite")
    assert "keys that" in operator(target, "restore", file)
    again = ("restore", file, "--replace", "--yes", "--json")
    (target.data_dir / "keys" / "variables.keys").write_text(written([new_key()]))
    assert json.loads(operator(target, *again))["missing_key_ids"] == ["k1"]
    (target.data_dir / "keys" / "variables.keys").write_text(written([key]))
    assert json.loads(operator(target, *again))["missing_key_ids"] == []


@pytest.mark.parametrize("kind", BOTH)
def test_records_that_are_there_are_replaced_only_when_that_is_said(
    kind: str, place: Places, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, file = filled(place("sqlite"), count=5), filled(place(kind), count=1), tmp_path / "loco.backup"
    before = rows(target.url)
    operator(source, "backup", file)
    assert "there are records already" in operator(target, "restore", file, code=1)
    monkeypatch.setattr("typer.confirm", lambda _: False)
    operator(target, "restore", file, "--replace", code=1)
    assert rows(target.url) == before
    said = operator(target, "restore", file, "--replace", "--yes")
    assert len(rows(target.url)["apps"]) == 6
    assert len(list(target.data_dir.glob("backups/*.db"))) == (1 if kind == "sqlite" else 0)
    assert ("a copy of those" in said) == (kind == "sqlite")


def test_nothing_is_restored_under_a_server(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, file = filled(place("sqlite")), tmp_path / "loco.backup"
    operator(source, "backup", file)
    target = place("sqlite")
    with lock.held(target.data_dir, api_url="http://127.0.0.1:7070"):
        assert "a loco-server serves" in operator(target, "restore", file, code=1)
    shared = place("postgresql")

    async def hold() -> str:
        records = Records(shared.url)
        async with records.database.read() as db:
            await db.execute(select(1))
        said = await asyncio.to_thread(operator, shared, "restore", file, code=1)
        await records.database.close()
        return said

    said = asyncio.run(hold())
    assert "the database is in use (loco-server as loco, pid " in said
    assert schema.revision(shared.url) is None
    operator(shared, "restore", file)


PARTS = ["restoring._load", "restoring._samples"]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("where", PARTS)
def test_a_restore_that_is_killed_has_changed_nothing(
    where: str, kind: str, place: Places, operator: Operator, tmp_path: Path
) -> None:
    source, target, file = filled(place("sqlite"), count=50), filled(place(kind), count=1), tmp_path / "loco.backup"
    operator(source, "backup", file)
    before = rows(target.url)
    program = (
        "import os, signal, sys\n"
        "from loco_server import main\nfrom loco_server.local import restoring\n"
        f"{where} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"sys.argv = {target.argv('restore', file, '--replace', '--yes')!r}\nmain.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, env=environment(target), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert rows(target.url) == before
    operator(target, "restore", file, "--replace", "--yes")
    assert len(rows(target.url)["apps"]) == 51


def _broken(seed: int) -> dict[str, Callable[[Path, Path], Path]]:
    choice = random.Random(seed)  # noqa: S311  where a file is cut is no secret

    def cut(file: Path, target: Path) -> Path:
        content = file.read_bytes()
        target.write_bytes(content[: choice.randrange(len(content))])
        return target

    def flipped(file: Path, target: Path) -> Path:
        with zipfile.ZipFile(file) as found:
            place = found.getinfo("events.ndjson").header_offset + 120
        content = bytearray(file.read_bytes())
        content[place] ^= 0xFF
        target.write_bytes(content)
        return target

    def changed(file: Path, target: Path) -> Path:
        return rewritten(file, target, lambda name, text: text.replace(b"app-1", b"app-9") if "apps" in name else text)

    def without(file: Path, target: Path) -> Path:
        return rewritten(file, target, lambda name, text: None if name == "users.ndjson" else text)

    def unsigned(file: Path, target: Path) -> Path:
        return rewritten(file, target, lambda name, text: None if name == "manifest.json" else text)

    def other(_: Path, target: Path) -> Path:
        target.write_text("no zip at all")
        return target

    return {each.__name__: each for each in (cut, flipped, changed, without, unsigned, other)}


@pytest.mark.parametrize("how", sorted(_broken(0)))
def test_a_file_that_is_cut_changed_or_something_else_is_refused_and_changes_nothing(
    how: str, place: Places, operator: Operator, tmp_path: Path, seed: int
) -> None:
    source, target, file = filled(place("sqlite")), filled(place("sqlite"), count=1), tmp_path / "loco.backup"
    before = rows(target.url)
    operator(source, "backup", file)
    said = operator(target, "restore", _broken(seed)[how](file, tmp_path / "broken"), "--replace", "--yes", code=1)
    assert "cannot be restored" in said
    assert "defect" not in said
    assert rows(target.url) == before


def test_records_that_name_what_is_not_there_are_refused(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, target, file = filled(place("sqlite")), place("sqlite"), tmp_path / "loco.backup"
    with connected(source.url) as db:  # whose foreign keys are off
        db.execute(update(DEPLOYMENTS).where(DEPLOYMENTS.c.app_id == "app0000001").values(app_id="nobody"))
        db.commit()
    operator(source, "backup", file)
    assert "name what is not in it" in operator(target, "restore", file, code=1)
    assert schema.revision(target.url) is None


def test_a_newer_locos_backup_is_refused_by_name(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, file = filled(place("sqlite")), tmp_path / "loco.backup"
    operator(source, "backup", file)
    newer = manifest(file) | {"db_schema": "9999", "version": "7.0.0"}
    changed = rewritten(
        file, tmp_path / "newer", lambda name, text: json.dumps(newer).encode() if name == "manifest.json" else text
    )
    assert "written by a newer loco (7.0.0, schema 9999)" in operator(place("sqlite"), "restore", changed, code=1)


def test_a_backup_writes_over_nothing_and_leaves_nothing_half_made(
    place: Places, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = filled(place("sqlite")), tmp_path / "backups"
    folder.mkdir()
    operator(source, "backup", folder / "one")
    content = (folder / "one").read_bytes()
    assert "is there already" in operator(source, "backup", folder / "one", code=2)
    assert (folder / "one").read_bytes() == content
    assert "cannot be written: No such file" in operator(source, "backup", folder / "not" / "there", code=2)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("loco_server.local.archive._write", full)
    assert "cannot be written: No space left" in operator(source, "backup", folder / "two", code=2)
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert "there are no records" in operator(place("sqlite"), "backup", folder / "none", code=5)


def test_a_backup_can_be_piped_and_what_is_told_is_not_in_it(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, target, file = filled(place("sqlite")), place("sqlite"), tmp_path / "piped"
    program = [
        "-c",
        f"import sys; from loco_server import main; sys.argv = {source.argv('backup', '-')!r}; main.main()",
    ]
    done = subprocess.run([sys.executable, *program], check=True, env=environment(source), capture_output=True)
    assert b"backed up" in done.stderr
    file.write_bytes(done.stdout)
    operator(target, "restore", file)
    assert len(rows(target.url)["apps"]) == 4


def test_records_of_postgresql_take_no_zeros(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, target, file = filled(place("sqlite")), place("postgresql"), tmp_path / "loco.backup"
    with connected(source.url) as db:
        db.execute(update(EVENTS).values(message="a\0b"))
        db.commit()
    operator(source, "backup", file)
    operator(target, "restore", file)
    assert {row["message"] for row in rows(target.url)["events"]} == {"a\N{REPLACEMENT CHARACTER}b"}


def test_who_is_connected_to_the_database_is_told_by_name(place: Places, operator: Operator, tmp_path: Path) -> None:
    source, target, file = filled(place("sqlite")), place("postgresql"), tmp_path / "loco.backup"
    operator(source, "backup", file)
    with psycopg.connect(target.url.replace("+psycopg", ""), application_name="psql"):
        assert "in use (psql as loco" in operator(target, "restore", file, code=1)
