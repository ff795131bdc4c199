"""Which instances a query is about, and what is said where it is about none."""

import pytest

from loco_server.engines.base import AppRef, LogQuery
from loco_server.engines.log_choice import NAMED, chosen
from loco_spec.errors import NotFound

APP = AppRef(team="ann", team_id="t", app="shop", app_id="a")
KNOWN = frozenset({"v2-10", "v10-1", "v2-9", "v2-release", "v3-x7k2p"})


def refusal(known: frozenset[str]) -> NotFound:
    with pytest.raises(NotFound) as caught:
        chosen(LogQuery(APP, instance="v9\n-1"), known, ())
    return caught.value


def test_without_a_name_it_is_about_all_and_with_one_about_that_one() -> None:
    assert chosen(LogQuery(APP), KNOWN, ()) == KNOWN
    assert chosen(LogQuery(APP, instance="v2-9"), KNOWN, ()) == {"v2-9"}


def test_one_that_a_reader_had_lines_of_is_none_any_more_but_no_mistake() -> None:
    assert chosen(LogQuery(APP, instance="v1-1"), KNOWN, {"v1-1"}) == frozenset()


def test_a_name_that_the_app_does_not_have_is_refused_with_those_it_has_by_number() -> None:
    error = refusal(KNOWN)
    assert error.message == "shop has no instance 'v9\\n-1', live or kept"
    assert error.hint == "one of v2-9, v2-10, v2-release, v3-x7k2p, v10-1"
    assert refusal(frozenset()).hint == "loco status: it has none"


def test_of_very_many_the_newest_are_named() -> None:
    error = refusal(frozenset(f"v{n}-1" for n in range(1, NAMED + 4)))
    assert error.hint.startswith("one of v4-1, v5-1, ")
    assert error.hint.endswith(f", v{NAMED + 3}-1, or 3 older")
