"""Records made from a backup: all in one transaction, in which nobody else has the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import JSON, Connection, MetaData, func, insert, inspect, select, text, update

from loco_server.local.archive import Archive, Manifest, tables
from loco_server.records import schema
from loco_server.records.tables import APPS, DEPLOYMENTS, METADATA
from loco_server.records.tables_access import AUDIT_EVENTS, VARIABLES
from loco_server.sealing import Place
from loco_spec.errors import Conflict

SKIPPED = 100
"""So many numbers are left free: those that were given out after the backup mean something else, on the engine too."""
_SAMPLES = 5


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    schema: str
    unfinished: int
    """Deployments that go on, or end as expired."""
    samples: Mapping[str, tuple[tuple[Place, str], ...]]
    """Some sealed values of each key."""


def restore(url: str, archive: Archive, *, replace: bool) -> Restored:
    """Make the records what the archive holds, at this version's schema. What fails has changed nothing.

    Raises:
        Conflict: there are records and they are not to be replaced, or a server has them, or the archive's do not fit.
    """
    manifest = archive.manifest
    with schema.transaction(url) as db:
        _alone(db)
        _make_room(db, replace=replace)
        _alone(db)  # who came meanwhile: from here on everybody finds the tables locked
        schema.upgrade_within(db, manifest.db_schema)
        _load(db, archive)
        schema.upgrade_within(db, "head")
        unfinished = _settle(db)
        _note(db, manifest)
        return Restored(manifest, schema.current(db) or "", unfinished, _samples(db))


def _alone(db: Connection) -> None:
    """On PostgreSQL a server that runs is connected; the data folder has a lock for that."""
    if db.dialect.name == "sqlite":
        return
    others = db.execute(
        text(
            "SELECT pid, usename, application_name FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND usename IS NOT NULL"
        )
    ).all()
    if others:
        who = ", ".join(f"{row.application_name or 'somebody'} as {row.usename}, pid {row.pid}" for row in others[:5])
        raise Conflict(
            f"the database is in use ({who})", hint="stop every loco-server of it and whoever else is connected"
        )


def _make_room(db: Connection, *, replace: bool) -> None:
    ours = [name for name in inspect(db).get_table_names() if name in {*METADATA.tables, "alembic_version"}]
    if not ours:
        return
    if not replace and schema.current(db) is not None:
        raise Conflict("there are records already", hint="an empty database, or --replace")
    metadata = MetaData()
    metadata.reflect(db, only=ours)
    metadata.drop_all(db)


def _load(db: Connection, archive: Archive) -> None:
    found = tables(db)
    if {table.name for table in found} != archive.manifest.tables.keys():
        raise Conflict("the backup does not hold the tables of its schema", hint="nothing was changed")
    for table in found:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
        for rows in archive.rows(table):
            db.execute(insert(table), rows)
    if db.dialect.name == "sqlite" and (loose := db.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise Conflict(f"the backup's {loose[0]} name what is not in it", hint="nothing was changed")
    if db.dialect.name == "postgresql":
        # A table of an older schema may not be there; the counter of one that is empty begins where it would anyhow.
        newest = next((db.scalar(select(func.max(t.c.id))) for t in found if t.name == AUDIT_EVENTS.name), None)
        if newest is not None:
            db.execute(select(func.setval(func.pg_get_serial_sequence(AUDIT_EVENTS.name, "id"), newest)))


def _settle(db: Connection) -> int:
    """Let go of what was under way, and leave numbers free for what happened since."""
    ended = DEPLOYMENTS.c.ended_at.is_not(None) | (DEPLOYMENTS.c.state == "live")
    found = db.execute(
        update(DEPLOYMENTS).where(~ended).values(owner=None, leased_until=None, attempt=DEPLOYMENTS.c.attempt + SKIPPED)
    )
    # Whoever was to push has long been told that it failed; the server's tidying ends what waits, and says so.
    db.execute(update(DEPLOYMENTS).values(owner=None, leased_until=None, ticket_sha256=None))
    db.execute(
        update(DEPLOYMENTS).where(DEPLOYMENTS.c.state == "created").values(ticket_expires_at=DEPLOYMENTS.c.created_at)
    )
    db.execute(update(APPS).values(last_number=APPS.c.last_number + SKIPPED))
    return found.rowcount


def _note(db: Connection, manifest: Manifest) -> None:
    db.execute(
        insert(AUDIT_EVENTS).values(
            at=datetime.now(UTC),
            actor="operator",
            action="records.restore",
            subject="the platform",
            outcome="done",
            detail={"made": manifest.created_at.isoformat(), "by": manifest.version, "schema": manifest.db_schema},
        )
    )


def _samples(db: Connection) -> dict[str, tuple[tuple[Place, str], ...]]:
    sealed = VARIABLES.c.value.is_not(None)
    found = {}
    for key_id in db.scalars(select(VARIABLES.c.key_id).where(sealed).distinct().order_by(VARIABLES.c.key_id)):
        rows = db.execute(select(VARIABLES).where(sealed, VARIABLES.c.key_id == key_id).limit(_SAMPLES))
        found[str(key_id)] = tuple((Place(row.app_id, row.name, row.version), row.value) for row in rows)
    return found
