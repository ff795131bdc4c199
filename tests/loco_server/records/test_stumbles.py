"""Records that are away are told of once and in a line; a defect always, and with its trace."""

import logging
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from loco_server.records.stumbles import Stumbles

LOCKED = OperationalError("select 1", {}, sqlite3.OperationalError("database is locked"))
FULL = OperationalError("insert", {}, sqlite3.OperationalError("database or disk is full"))


@pytest.fixture
def stumbles(caplog: pytest.LogCaptureFixture) -> Stumbles:
    caplog.set_level(logging.INFO)
    return Stumbles(logging.getLogger("loco.test"))


def test_records_that_stay_away_are_told_of_once_until_they_answer_again(
    stumbles: Stumbles, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        stumbles.over("tidying up", LOCKED)
    stumbles.over("tidying up", FULL)
    stumbles.done()
    stumbles.over("tidying up", FULL)
    assert caplog.messages == [
        "tidying up waits: the records are held by another process",
        "tidying up waits: the records have no room: the disk is full",
        "tidying up waits: the records have no room: the disk is full",
    ]
    assert all(each.exc_info is None for each in caplog.records)


def test_a_defect_is_told_of_each_time_with_its_trace(stumbles: Stumbles, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        stumbles.over("tidying up", KeyError("x"))
    assert caplog.messages == ["tidying up stumbled; it goes on"] * 2
    assert all(each.exc_info is not None for each in caplog.records)
