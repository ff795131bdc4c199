"""The data folder: its secret, its records and their backups, and what a killed server left in it."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from loco_server.local import folder
from loco_server.records import schema
from loco_server.settings import Settings
from loco_spec import names
from loco_spec.errors import Conflict
from tests.postgres import Postgres


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data_dir=tmp_path / "data")
    folder.make(found)
    return found


def test_proofs_that_a_killed_server_left_are_removed_and_none_is_no_error(settings: Settings) -> None:
    settings.login_dir.mkdir()
    (settings.login_dir / "local-a").write_text("a proof")
    folder.forget_sign_ins(settings)
    folder.forget_sign_ins(settings)
    assert not settings.login_dir.exists()


def test_the_servers_secret_is_the_same_at_each_start_and_a_damaged_one_stops_it(settings: Settings) -> None:
    first = folder.server_key(settings)
    assert (len(first), folder.server_key(settings)) == (32, first)
    (settings.keys_dir / "server.key").write_bytes(first[:7])
    with pytest.raises(Conflict, match="has 7 bytes and should have 32"):
        folder.server_key(settings)


def say_nothing(message: str) -> None:
    raise AssertionError(message)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def facts(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute("SELECT name, value FROM facts").fetchall()


def old_records(settings: Settings, revision: str = "0001") -> Path:
    """Make records as an older version left them, some of them in the write-ahead log only."""
    schema.upgrade(settings.database_url, revision)
    database = settings.data_dir / "loco.db"
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("INSERT INTO facts VALUES ('installation', 'abc')")
        db.commit()
    return database


def test_new_records_are_made_without_a_word_and_for_their_owner_alone(settings: Settings) -> None:
    folder.migrate(settings, say=say_nothing)
    folder.migrate(settings, say=say_nothing)
    assert schema.revision(settings.database_url) == schema.head()
    assert mode(settings.data_dir / "loco.db") == 0o600
    assert not (settings.data_dir / "backups").exists()


def test_older_records_are_copied_then_migrated_and_it_is_said(settings: Settings) -> None:
    database = old_records(settings)
    said: list[str] = []
    folder.migrate(settings, say=said.append)
    [copy] = (settings.data_dir / "backups").iterdir()
    assert said == [f"migrating the records from schema 0001 to {schema.head()}; a copy of the old ones: {copy}"]
    assert (mode(copy.parent), mode(copy)) == (0o700, 0o600)
    assert schema.revision(f"sqlite:///{copy}") == "0001"
    assert facts(copy) == facts(database) == [("installation", "abc")]
    assert schema.revision(settings.database_url) == schema.head()
    folder.refuse_strange(settings.data_dir)


def test_the_last_five_copies_are_kept(settings: Settings) -> None:
    old_records(settings)
    backups = settings.data_dir / "backups"
    backups.mkdir()
    for index in range(1, 8):
        (backups / f"loco-000{9 - index}-20260101T00000{index}.000000Z.db").touch()
    folder.migrate(settings, say=lambda _: None)
    kept = sorted(path.name.rpartition("-")[2] for path in backups.iterdir())
    assert kept[:-1] == [f"20260101T00000{index}.000000Z.db" for index in (4, 5, 6, 7)]
    assert len(kept) == folder.BACKUPS


def test_records_of_a_newer_version_are_refused_and_left_as_they_are(settings: Settings) -> None:
    folder.migrate(settings, say=say_nothing)
    database = settings.data_dir / "loco.db"
    with closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    before = database.read_bytes()
    with pytest.raises(Conflict, match=r"were written by a newer loco \(schema 9999\)") as found:
        folder.migrate(settings, say=say_nothing)
    assert "upgrade" in found.value.hint
    assert database.read_bytes() == before


def test_a_machine_that_serves_the_world_makes_its_records_and_refuses_old_ones(settings: Settings) -> None:
    folder.refuse_old(settings)
    assert schema.revision(settings.database_url) == schema.head()
    assert mode(settings.data_dir / "loco.db") == 0o600
    folder.refuse_old(settings)
    schema.downgrade(settings.database_url, "0004")
    with pytest.raises(Conflict) as refused:
        folder.refuse_old(settings)
    assert refused.value.message == (
        f"the records in {settings.data_dir} have the schema 0004, and this loco needs {schema.head()}"
    )
    assert "loco-server migrate" in refused.value.hint
    assert schema.revision(settings.database_url) == "0004"


def test_a_machine_that_serves_the_world_refuses_records_of_a_newer_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.refuse_old(settings)
    monkeypatch.setattr(schema, "is_known", lambda _: False)
    with pytest.raises(Conflict, match="written by a newer loco"):
        folder.refuse_old(settings)


def test_on_postgresql_too_and_no_password_is_shown(settings: Settings, postgres: Postgres) -> None:
    name = names.new_id()
    url = postgres.make(name)
    elsewhere = replace(settings, database=url.replace("loco@", "loco:hunter2@"))
    folder.refuse_old(elsewhere)
    schema.downgrade(url, "0004")
    with pytest.raises(Conflict) as refused:
        folder.refuse_old(elsewhere)
    assert f"{name}" in refused.value.message
    assert "hunter2" not in refused.value.message
    assert not (settings.data_dir / "loco.db").exists()
    postgres.drop(name)
