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


def test_an_empty_database_has_no_revision_and_a_migrated_one_the_newest(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    assert schema.revision(url) is None
    schema.upgrade(url)
    assert schema.revision(url) == schema.head()


def test_only_revisions_of_this_version_are_known() -> None:
    assert schema.is_known("0001")
    assert not schema.is_known("9999")
