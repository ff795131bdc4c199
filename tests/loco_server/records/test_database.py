"""Connections to records that are elsewhere: who is gone is noticed, on both sides."""

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from loco_server.records.database import Database, is_away
from loco_server.records.schema import current
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


async def test_what_is_not_finished_is_undone_once_its_client_is_silent(records: Records) -> None:
    if records.database.url.startswith("sqlite"):
        return
    for _ in range(2):  # for the session, and not for one transaction
        async with records.database.read() as db:
            assert await db.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
            await db.execute(text("SELECT 1"))


async def test_a_connection_is_given_up_when_its_other_end_is_gone_unless_the_operator_says_otherwise(
    records: Records,
) -> None:
    if records.database.url.startswith("sqlite"):
        return
    asked: dict[str, Any] = {}
    database = Database(f"{records.database.url}&keepalives_idle=77")

    def connecting(_dialect: Any, _record: Any, _arguments: Any, found: dict[str, Any]) -> None:
        asked.update(found)

    event.listen(database._engine.sync_engine, "do_connect", connecting)
    async with database.read() as db:
        assert await db.run_sync(current)
    await database.close()
    wanted = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "connect_timeout")
    assert [str(asked[name]) for name in wanted] == ["77", "5", "3", "15000", "10"]


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("SELECT", {}, Exception("gone")), True),
        (PoolTimeoutError("no connection in time"), True),
        (ConnectionResetError("reset"), True),
        (ProgrammingError("SELECT", {}, Exception("closed"), connection_invalidated=True), True),
        (ProgrammingError("SELECT", {}, Exception("syntax")), False),
        (IntegrityError("INSERT", {}, Exception("a constraint")), False),
        (ValueError("surprise"), False),
    ],
)
def test_what_may_work_a_moment_later_is_told_from_what_never_will(error: Exception, away: bool) -> None:
    assert is_away(error) is away
