"""Text from elsewhere on a terminal, and times for people."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_cli.ui.text import ago, page, safe

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


PAGE = """\
# Errors
Every error of loco has a code, says what happened
and where.

- an item that is too long for its line
  and goes on

| a | table that is far too wide for the terminal |
```sh
loco deploy --dry-run --exit-code --quiet
```
"""


def test_the_paragraphs_of_a_page_are_broken_anew_and_nothing_else() -> None:
    assert page(PAGE, 30) == [
        "# Errors",
        "Every error of loco has a",
        "code, says what happened and",
        "where.",
        "",
        "- an item that is too long for",
        "  its line",
        "  and goes on",
        "",
        "| a | table that is far too wide for the terminal |",
        "```sh",
        "loco deploy --dry-run --exit-code --quiet",
        "```",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "�[2Jgone"),
        ("\x1b]0;title\x07", "�]0;title�"),
        ("\x9b2J", "�2J"),
        ("over\rwritten", "over�written"),
        ("two\nlines", "two�lines"),
        ("back\bspace\x7f", "back�space�"),
        ("user\u202egnp.exe", "user�gnp.exe"),
        ("\u2066isolated\u2069", "�isolated�"),
    ],
)
def test_what_steers_a_terminal_is_replaced(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_no_control_but_the_tab_gets_through_and_nothing_gets_longer(text: str) -> None:
    found = safe(text)
    assert len(found) == len(text)
    assert all(c == "\t" or unicodedata.category(c) != "Cc" for c in found)


@given(st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_letters_of_every_script_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        ({"seconds": 0}, "0 s ago"),
        ({"seconds": 59.9}, "59 s ago"),
        ({"seconds": 60}, "1 minute ago"),
        ({"minutes": 59, "seconds": 59}, "59 minutes ago"),
        ({"hours": 1}, "1 hour ago"),
        ({"hours": 23, "minutes": 59}, "23 hours ago"),
        ({"days": 1}, "1 day ago"),
        ({"days": 400}, "400 days ago"),
        ({"seconds": -30}, "0 s ago"),  # the server's clock is ahead
    ],
)
def test_a_moment_is_told_in_the_largest_unit_that_has_passed(passed: dict[str, float], told: str) -> None:
    assert ago(NOW - timedelta(**passed), now=NOW) == told


def test_a_moment_that_was_not_is_never() -> None:
    assert ago(None) == "never"


def test_a_moment_is_told_from_now() -> None:
    assert ago(datetime.now(UTC) - timedelta(hours=5, minutes=1)) == "5 hours ago"
