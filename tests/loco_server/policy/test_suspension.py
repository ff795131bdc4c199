"""What is suspended is changed by nobody but the operator; what was only unused is woken by a change."""

from dataclasses import replace

import pytest

from loco_server.policy import suspension
from loco_server.records.values import AppRecord, TeamRecord
from loco_spec.errors import NotAllowed
from tests.loco_server.records.databases import NOW

TEAM = TeamRecord(id="t", name="acme")
APP = AppRecord(id="abcdefghij", team_id="t", team="acme", name="shop", pull_generation=1, created_at=NOW)


def test_what_is_not_suspended_may_be_changed() -> None:
    suspension.refuse_team(TEAM)
    suspension.refuse_app(APP)


def test_a_suspended_team_is_refused_with_the_reason() -> None:
    with pytest.raises(NotAllowed, match="team acme is suspended: abuse") as refused:
        suspension.refuse_team(replace(TEAM, suspended="abuse"))
    assert refused.value.hint == "ask the operator"


def test_a_suspended_app_is_refused_and_one_that_was_only_unused_is_not() -> None:
    held = replace(APP, suspended="app shop is suspended: abuse")
    with pytest.raises(NotAllowed, match="app shop is suspended: abuse"):
        suspension.refuse_app(held)
    suspension.refuse_app(replace(held, unused=True))
