import sqlite3
from pathlib import Path

from loco_server.records import schema
from tests.loco_server.records.databases import sqlite_url


def tables(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "loco.db") as db:
        return {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    schema.upgrade(url)
    schema.differences(url)  # raises when they differ
    assert "deployments" in tables(tmp_path)


def test_a_downgrade_takes_everything_back_and_an_upgrade_brings_it_again(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    schema.upgrade(url)
    before = tables(tmp_path)
    schema.downgrade(url, "base")
    assert tables(tmp_path) == {"alembic_version"}
    schema.upgrade(url)
    assert tables(tmp_path) == before


def test_an_empty_database_is_not_current_and_a_migrated_one_is(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    assert not schema.is_current(url)
    schema.upgrade(url)
    assert schema.is_current(url)
