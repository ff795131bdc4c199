"""Bring the records to this version's schema, and tell whether they are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, func, select


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def sync_url(url: str) -> str:
    """Alembic works synchronously."""
    return url.replace("+aiosqlite", "").replace("+asyncpg", "+psycopg")


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction, of all migrations together: what fails half way has changed nothing. Others wait.

    Without foreign keys on SQLite: a table is changed by a copy that takes its place, and what hangs on it must stay.
    """
    engine = create_engine(sync_url(url))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # by itself the driver changes tables outside of any

    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("migrations"))))
            yield connection
    finally:
        engine.dispose()


def upgrade(url: str, to: str = "head") -> None:
    """Run the missing migrations."""
    with transaction(url) as connection:
        upgrade_within(connection, to)


def upgrade_within(connection: Connection, to: str) -> None:
    """The same within a transaction that is under way."""
    command.upgrade(_config(connection), to)


def downgrade(url: str, to: str) -> None:
    with transaction(url) as connection:
        command.downgrade(_config(connection), to)


def revision(url: str) -> str | None:
    """Give the schema that the records have; None for an empty database."""
    engine = create_engine(sync_url(url))
    try:
        with engine.connect() as connection:
            return current(connection)
    finally:
        engine.dispose()


def current(connection: Connection) -> str | None:
    """Give the same over a connection that is there."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """All schemas that this version knows, the oldest first."""
    return [step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def is_known(number: str) -> bool:
    """Whether this version knows the way from that schema to its own."""
    return number in revisions()


@cache
def head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def differences(url: str) -> None:
    """Compare the schema with the tables.

    Raises:
        alembic.util.exc.CommandError: they differ.
    """
    engine = create_engine(sync_url(url))
    try:
        with engine.connect() as connection:
            command.check(_config(connection))
    finally:
        engine.dispose()
