"""Bring the records to this version's schema, and tell whether they are there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine


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


def upgrade(url: str, to: str = "head") -> None:
    """Run the missing migrations, each in a transaction."""
    engine = create_engine(sync_url(url))
    try:
        with engine.begin() as connection:
            command.upgrade(_config(connection), to)
    finally:
        engine.dispose()


def downgrade(url: str, to: str) -> None:
    engine = create_engine(sync_url(url))
    try:
        with engine.begin() as connection:
            command.downgrade(_config(connection), to)
    finally:
        engine.dispose()


def revision(url: str) -> str | None:
    """Give the schema that the records have; None for an empty database."""
    engine = create_engine(sync_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def is_known(number: str) -> bool:
    """Whether this version knows the way from that schema to its own."""
    return number in {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}


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
