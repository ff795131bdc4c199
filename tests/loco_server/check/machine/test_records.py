"""Records of every age, real ones: in the folder and on PostgreSQL."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from loco_server.check.finding import Finding
from loco_server.check.machine import records
from loco_server.check.machine.place import machine
from loco_server.check.machine.records import Records, judge
from loco_server.records import schema
from loco_spec.names import new_id
from tests.loco_server.records.databases import sqlite_url
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

HEAD = schema.head()
FIRST = schema.revisions()[0]


@pytest.mark.parametrize(
    ("records", "local", "public", "said"),
    [
        (Records("x", None, "7"), "ok", "ok", "none yet in x"),
        (Records("x", "7", "7"), "ok", "ok", "x, schema 7"),
        (Records("x", "5", "7"), "ok", "missing", "has the schema 5, and this loco needs 7"),
        (Records("x", "9", "7", known=False), "missing", "missing", "written by a newer loco (schema 9"),
        (Records("x", fault="no way", fix="try"), "missing", "missing", "no way"),
    ],
)
def test_only_the_embedded_default_migrates_by_itself(records: Records, local: str, public: str, said: str) -> None:
    for migrates, state in ((True, local), (False, public)):
        found = judge(records, migrates=migrates)
        assert (found.state, said in found.said) == (state, True), found
        assert bool(found.fix) is (state != "ok")


async def of(folder: Path, database: str | None = None) -> Finding:
    variables = {} if database is None else {"LOCO_DATABASE_URL": database}
    return await records.look(machine(folder, variables, domain="a.example"))


async def test_records_in_the_folder_are_told_with_their_schema(tmp_path: Path, migrated_sqlite: Path) -> None:
    found = await of(tmp_path)
    assert (found.state, "none yet" in found.said) == ("ok", True)
    assert not (tmp_path / "loco.db").exists()
    shutil.copy(migrated_sqlite, tmp_path)
    found = await of(tmp_path)
    assert (found.state, found.said) == ("ok", f"{tmp_path}/loco.db, schema {HEAD}")


async def test_older_newer_and_broken_records_are_told_apart(tmp_path: Path) -> None:
    schema.upgrade(sqlite_url(tmp_path), FIRST)
    found = await of(tmp_path)
    assert (found.state, "loco-server migrate" in found.fix) == ("missing", True)
    with closing(sqlite3.connect(tmp_path / "loco.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999_later'")
    assert "a newer loco (schema 9999_later" in (await of(tmp_path)).said
    (tmp_path / "loco.db").write_bytes(b"this is no database, however long it is read" * 100)
    found = await of(tmp_path)
    assert (found.state, "cannot be read" in found.said) == ("missing", True)


async def test_records_on_postgresql_are_asked_for_where_they_are_set(tmp_path: Path, postgres: Postgres) -> None:
    name = new_id()
    url = postgres.make(name, template="migrated")
    try:
        found = await of(tmp_path, url)
        assert found.state == "ok"
        assert f"schema {HEAD}" in found.said
        found = await of(tmp_path, url.replace("loco@", "loco:hunter2@"))
        assert (found.state, "hunter2" in found.said) == ("ok", False)
    finally:
        postgres.drop(name)
    found = await of(tmp_path, url)
    assert found.state == "missing"
    assert "does not answer" in found.said


async def test_a_password_is_never_shown(tmp_path: Path) -> None:
    found = await of(tmp_path, "postgresql://loco:hunter2@127.0.0.1:1/loco")
    assert found.state == "missing"
    assert "127.0.0.1" in found.said
    assert "hunter2" not in found.said + found.fix
