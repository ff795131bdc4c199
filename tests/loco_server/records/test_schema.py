"""The migrations, on both databases: whole, step by step with records in the tables, and cut off half way."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    inspect,
    select,
)

from loco_server.records import schema
from loco_spec import names
from tests.loco_server.records.databases import sqlite_url
from tests.postgres import Postgres

Rows = dict[str, list[dict[str, Any]]]
WHEN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        name = names.new_id()
        yield postgres.make(name)
        postgres.drop(name)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(schema.sync_url(url))
    with engine.connect() as db:
        yield db
    engine.dispose()


def tables(url: str) -> set[str]:
    with connected(url) as db:
        return set(inspect(db).get_table_names())


def fill(url: str) -> None:
    """Give every empty table a row, with what its foreign keys point at."""
    with connected(url) as db:
        for table in reflected(db):
            if db.execute(select(table)).first() is None:
                db.execute(insert(table).values({column.name: value(column) for column in table.columns}))
        db.commit()


def reflected(db: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(db)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def value(column: Column[Any]) -> Any:
    """Something of the column's type, the same for a foreign key as for what it points at."""
    for key in column.foreign_keys:
        return value(key.column)
    samples: dict[Any, Any] = {
        Boolean: True,
        Integer: 7,
        DateTime: WHEN,
        JSON: {"a": [1, "ü"]},
        String: f"{column.name}-ü",
    }
    found = next(sample for kind, sample in samples.items() if isinstance(column.type, kind))
    return found[: column.type.length] if isinstance(column.type, String) else found


def rows(url: str) -> Rows:
    with connected(url) as db:
        return {table.name: [dict(row._mapping) for row in db.execute(select(table))] for table in reflected(db)}


def assert_kept(before: Rows, after: Rows) -> None:
    """What was there is there, in the tables and columns that both have."""
    for name in before.keys() & after.keys():
        columns = before[name][0].keys() & after[name][0].keys()
        assert [{key: row[key] for key in columns} for row in after[name]] == [
            {key: row[key] for key in columns} for row in before[name]
        ], name


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(url: str) -> None:
    schema.upgrade(url)
    schema.differences(url)  # raises when they differ
    assert "deployments" in tables(url)


def test_a_downgrade_takes_everything_back_and_an_upgrade_brings_it_again(url: str) -> None:
    schema.upgrade(url)
    before = tables(url)
    schema.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    schema.upgrade(url)
    assert tables(url) == before
    schema.differences(url)


def test_what_is_in_the_records_survives_every_step_up_and_down(url: str) -> None:
    steps = schema.revisions()
    for step in steps:
        before = rows(url)
        schema.upgrade(url, step)
        assert_kept(before, rows(url))
        fill(url)
    assert all(rows(url).values())
    for step in steps[-2::-1]:
        before = rows(url)
        schema.downgrade(url, step)
        assert_kept(before, rows(url))


def test_a_migration_that_fails_half_way_has_changed_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = schema.revisions()[0]
    schema.upgrade(url, first)
    fill(url)
    before = rows(url)
    create = op.create_table

    def stumble(name: str, *columns: Any, **more: Any) -> Any:
        if name == "variables":
            raise RuntimeError("half way")
        return create(name, *columns, **more)

    monkeypatch.setattr(op, "create_table", stumble)
    with pytest.raises(RuntimeError, match="half way"):
        schema.upgrade(url)
    assert schema.revision(url) == first
    assert rows(url) == before


def test_an_empty_database_has_no_revision_and_a_migrated_one_the_newest(url: str) -> None:
    assert schema.revision(url) is None
    schema.upgrade(url)
    assert schema.revision(url) == schema.head()


def test_only_revisions_of_this_version_are_known() -> None:
    assert schema.is_known("0001")
    assert not schema.is_known("9999")
