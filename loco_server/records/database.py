"""The one connection to the records, and the two ways to use it: `read` and `write`.

SQLite has one writer at a time. On PostgreSQL transactions run side by side (READ COMMITTED), and what is read to be
written by must be locked, in this order: the team's row (`lock_team`), the app's (`lock_app`), deployments, hosts. What
has no row to lock yet names a word instead (`write(alone=…)`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from loco_server.records.change import one_event

_CHANGED = "changed"
Took = Callable[[str, float], None]
"""Told select, insert, update, delete or other, and the seconds that it took."""
_CONNECT = {
    "application_name": "loco-server",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""libpq's, the last in ms: a database whose machine is gone is noticed within half a minute."""
_SESSION = (
    "SET idle_in_transaction_session_timeout = '60s'",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)
"""The same the other way round: what a server's machine that is gone has locked is free again."""


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def is_away(error: BaseException) -> bool:
    """Whether the records did not answer, or not now: the same again may do. Else the statement was wrong."""
    if isinstance(error, OperationalError | InterfaceError | InternalError | PoolTimeoutError | OSError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def why_away(error: BaseException) -> str | None:
    """Say why the records do not answer now; None where it is not their doing: a statement was wrong, say."""
    if not is_away(error) or (isinstance(error, OSError) and not isinstance(error, DBAPIError)):
        return None
    said = str(getattr(error, "orig", None) or error).lower()
    for words, reason in _AWAY.items():
        if words in said:
            return reason
    return None if "no such" in said or "syntax" in said else "do not answer"


_AWAY = {
    "locked": "are held by another process",
    "full": "have no room: the disk is full",
    "no space left": "have no room: the disk is full",
    "disk i/o": "cannot be read or written: the disk fails, or is full",
    "readonly": "are read-only",
}
"""In the words of SQLite and PostgreSQL."""


class Database:
    """SQLite in WAL mode (one writer at a time, by a lock of our own) or PostgreSQL, chosen by the URL."""

    def __init__(self, url: str, *, took: Took | None = None) -> None:
        """`took`: is told of each statement."""
        self.url = url
        self._engine = _engine(url)
        if took is not None:
            _time(self._engine, took)
        without = {"loco_look": True} if is_sqlite(url) else {"isolation_level": "AUTOCOMMIT"}
        self._looker = self._engine.execution_options(**without)
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """For single SELECTs that are asked for all the time: without what it takes to begin and end a transaction."""
        async with self._looker.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, alone: str | None = None) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        `alone`: no other transaction that names the same word runs meanwhile, on whichever server.
        The first one that changes anything within a change that is under way leaves its event.
        """
        async with one_event() as leave, self._transaction(alone) as connection:
            connection.info[_CHANGED] = False
            yield connection
            if connection.info[_CHANGED]:
                await leave(connection)

    @asynccontextmanager
    async def _transaction(self, alone: str | None) -> AsyncIterator[AsyncConnection]:
        if not is_sqlite(self.url):
            async with self._engine.begin() as connection:
                if alone is not None:
                    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(alone))))
                yield connection
            return
        async with self._writer, self._engine.connect() as connection:
            await connection.execution_options(loco_write=True)
            async with connection.begin():
                yield connection

    async def close(self) -> None:
        await self._engine.dispose()


async def insert_missing(db: AsyncConnection, table: Table, **values: Any) -> None:
    """Within a transaction: insert the row, unless one with its key is there.

    A row that another transaction is about to insert is waited for: whoever reads after this finds one.
    """
    make = sqlite.insert if db.dialect.name == "sqlite" else postgresql.insert
    await db.execute(make(table).values(**values).on_conflict_do_nothing())


def _engine(url: str) -> AsyncEngine:
    shared = not is_sqlite(url)
    given = make_url(url).query
    connect = {name: value for name, value in _CONNECT.items() if shared and name not in given}
    engine = create_async_engine(url, pool_pre_ping=shared, connect_args=connect)
    event.listen(engine.sync_engine, "after_cursor_execute", _note_change)
    if shared:
        event.listen(engine.sync_engine, "connect", _bound_silence)
        event.listen(engine.sync_engine, "before_cursor_execute", _without_zeros, retval=True)
        return engine

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling would begin late and never IMMEDIATE: turned off, done below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("loco_look", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("loco_write", False) else "BEGIN")

    return engine


def _time(engine: AsyncEngine, took: Took) -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.loco_began = time.perf_counter()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        word = statement[:6].lower()
        took(word if word in _STATEMENTS else "other", time.perf_counter() - context.loco_began)


_STATEMENTS = ("select", "insert", "update", "delete")


def _bound_silence(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for statement in _SESSION:
        cursor.execute(statement)
    cursor.close()
    connection.commit()


def _note_change(connection: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    """Tell what changes rows from what only wanted to: where no such token was open, nothing has been revoked."""
    if (context.isinsert or context.isupdate or context.isdelete) and cursor.rowcount:
        connection.info[_CHANGED] = True


def _without_zeros(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _executemany: Any
) -> tuple[str, Any]:
    """PostgreSQL has no zero in a text: what is looked for with one is not found, what is told with one is kept."""
    rows = parameters if isinstance(parameters, list) else [parameters]
    if any(isinstance(value, str) and "\0" in value for row in rows for value in row.values()):
        rows = [
            {name: value.replace("\0", _NO_ZERO) if isinstance(value, str) else value for name, value in row.items()}
            for row in rows
        ]
        return statement, rows if isinstance(parameters, list) else rows[0]
    return statement, parameters


_NO_ZERO = "\N{REPLACEMENT CHARACTER}"
