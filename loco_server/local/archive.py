"""A backup: one file of the records of either database, that either database can be made from.

A zip of `<table>.ndjson` (a row a line, times in UTC) and `manifest.json`, which is written last: a file without it, or
one that its sums do not fit, is refused. Rows are streamed both ways. Nothing in it opens anything: tokens, tickets and
invitations are hashes, values of variables are sealed with keys that are not there. What apps and builds said is left
out, because it may hold anything.
"""

import hashlib
import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, DateTime, MetaData, Table, create_engine, event, select

from loco_server.records import schema
from loco_spec.errors import Conflict, NotFound, UsageError
from loco_spec.version import VERSION

FORMAT = 1
LEFT_OUT = frozenset({"kept_logs", "build_logs"})
MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1_000_000
_ROWS = 100
"""In memory at once."""


class Part(BaseModel):
    """One table."""

    model_config = ConfigDict(frozen=True)

    rows: int
    sha256: str


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: int
    version: str
    """Of the loco that wrote it."""
    created_at: datetime
    db_schema: str
    tables: dict[str, Part]
    key_ids: tuple[str, ...]
    """What its variables are sealed with."""


def write(url: str, out: IO[bytes]) -> Manifest:
    """Write the records as they are at one moment, while whoever wants to goes on writing them.

    Raises:
        NotFound: there are none.
    """
    with _snapshot(url) as db, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        revision = schema.current(db)
        if revision is None:
            raise NotFound("there are no records", hint="--data-dir, or LOCO_DATABASE_URL for PostgreSQL")
        created_at, parts = datetime.now(UTC), {}
        key_ids: set[str] = set()
        for table in tables(db):
            with file.open(f"{table.name}.ndjson", "w", force_zip64=True) as part:
                parts[table.name] = _write(db, table, part, key_ids)
        found = Manifest(
            format=FORMAT,
            version=VERSION,
            created_at=created_at,
            db_schema=revision,
            tables=parts,
            key_ids=tuple(sorted(key_ids)),
        )
        file.writestr(MANIFEST, found.model_dump_json(indent=1))
    return found


def save(url: str, path: Path) -> Manifest:
    """Write it into a new file for its owner alone, which is there when it is whole.

    Raises:
        UsageError: there is such a file, or it cannot be made.
        NotFound: there are no records.
    """
    if path.exists():
        raise UsageError(f"{path} is there already", hint="name a new file")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as out:
                found = write(url, out)
                out.flush()
                os.fsync(out.fileno())
            os.link(name, path)  # unlike a rename it writes over nothing
        finally:
            Path(name).unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as e:
        raise UsageError(f"{path} cannot be written: {e.strerror}", hint="nothing was left behind") from e
    return found


def to_stdout(url: str) -> Manifest:
    """Write it there. Raises as `write`, and UsageError where a terminal is."""
    if sys.stdout.isatty():
        raise UsageError("a backup is nothing for a terminal", hint="loco-server admin backup - > FILE")
    found = write(url, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return found


@contextmanager
def opened(path: Path) -> Iterator["Archive"]:
    """Open a backup, and see that it is whole and as it was written.

    Raises:
        UsageError: there is no such file, or it is no backup.
        Conflict: it is damaged, or a newer loco's.
    """
    try:
        with zipfile.ZipFile(path) as file:
            found = Archive(path, file)
            found.check()
            yield found
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror or e}") from e
    except zipfile.BadZipFile as e:
        raise _damaged(path, "it is cut, or no backup of loco's") from e


class Archive:
    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self._path = path
        self._file = file
        try:
            with file.open(MANIFEST) as text:
                self.manifest = Manifest.model_validate_json(text.read(_MANIFEST_BYTES))
        except (KeyError, ValidationError) as e:
            raise _damaged(path, f"its {MANIFEST} is not there or not loco's") from e
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as e:
            raise _damaged(path, f"its {MANIFEST} cannot be read") from e

    def check(self) -> None:
        """See that all of it can be used. Raises Conflict."""
        manifest = self.manifest
        if manifest.format != FORMAT or not schema.is_known(manifest.db_schema):
            raise Conflict(
                f"{self._path} was written by a newer loco ({manifest.version}, schema {manifest.db_schema})",
                hint="pip install --upgrade 'loco-deploy[server,postgres]'",
            )
        if sorted(self._file.namelist()) != sorted([MANIFEST, *(f"{name}.ndjson" for name in manifest.tables)]):
            raise _damaged(self._path, f"it does not hold what its {MANIFEST} names")
        for name, part in manifest.tables.items():
            digest, rows = hashlib.sha256(), 0
            for line in self._lines(name):
                digest.update(line)
                rows += 1
            if (digest.hexdigest(), rows) != (part.sha256, part.rows):
                raise _damaged(self._path, f"{name} is not what was written")

    def rows(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        """Give the rows of a table of the database that they are for, some at a time."""
        times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
        zeros = table.metadata.info.get("zeros", True)
        batch: list[dict[str, Any]] = []
        for line in self._lines(table.name):
            row = json.loads(line)
            for name, value in row.items():
                if name in times and value is not None:
                    row[name] = datetime.fromisoformat(value)
                elif not zeros and isinstance(value, str):
                    row[name] = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
            batch.append(row)
            if len(batch) == _ROWS:
                yield batch
                batch = []
        if batch:
            yield batch

    def _lines(self, name: str) -> Iterator[bytes]:
        try:
            with self._file.open(f"{name}.ndjson") as part:
                yield from part
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
            raise _damaged(self._path, f"{name} cannot be read") from e


def tables(db: Connection) -> list[Table]:
    """Give the tables of a database that go into a backup, as they are there; what others hang on comes first."""
    metadata = MetaData(info={"zeros": db.dialect.name == "sqlite"})
    metadata.reflect(db, only=lambda name, _: name not in LEFT_OUT and name != "alembic_version")
    return metadata.sorted_tables


def _write(db: Connection, table: Table, part: IO[bytes], key_ids: set[str]) -> Part:
    digest, count = hashlib.sha256(), 0
    found = db.execution_options(yield_per=_ROWS).execute(select(table).order_by(*table.primary_key.columns))
    for row in found.mappings():
        line = json.dumps({name: _plain(value) for name, value in row.items()}).encode() + b"\n"
        digest.update(line)
        part.write(line)
        count += 1
        if table.name == "variables" and row["value"] is not None:
            key_ids.add(str(row["key_id"]))
    return Part(rows=count, sha256=digest.hexdigest())


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()


@contextmanager
def _snapshot(url: str) -> Iterator[Connection]:
    """One transaction that sees one moment and changes nothing. Nobody waits for it."""
    engine = create_engine(schema.sync_url(url))
    try:
        if engine.dialect.name == "sqlite":

            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.exec_driver_sql("BEGIN")  # by itself the driver begins none to read

        else:
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with engine.connect() as db:
            yield db
    finally:
        engine.dispose()


def _damaged(path: Path, why: str) -> Conflict:
    return Conflict(f"{path} cannot be restored: {why}", hint="take another copy; nothing was changed")
