import pytest

from loco_cli.ui.render_changes import WIDTH, lines
from loco_cli.ui.text import cells
from loco_spec.changes import Change


def test_a_line_says_what_comes_what_goes_and_what_is_another() -> None:
    changes = [
        Change(field="digest", before=f"sha256:{'a' * 64}", after=f"sha256:{'b' * 64}"),
        Change(field="scale.min", after="2"),
        Change(field="env.LOG_LEVEL", before="info", after="debug"),
        Change(field="variables.OLD", before="0a0a0a0a"),
    ]
    assert lines(changes) == [
        "~ digest         aaaaaaaaaaaa -> bbbbbbbbbbbb",
        "+ scale.min      2",
        "~ env.LOG_LEVEL  info -> debug",
        "- variables.OLD  0a0a0a0a",
    ]
    assert lines([]) == []


def test_what_does_not_fit_into_a_line_has_lines_of_its_own_and_shows_where_it_differs() -> None:
    long = "x" * 200
    assert lines([Change(field="command", before=f"{long}old", after=f"{long}new{long}")]) == [
        "~ command",
        "     ...xxxxxxxxxxxxold",
        f"  -> ...xxxxxxxxxxxxnew{'x' * 54}...",
    ]
    assert lines([Change(field="command", after=f"new{long}")]) == ["+ command", f"     new{'x' * 69}..."]
    place = f"routes[{'a' * 50}.example.com/]"
    assert lines([Change(field=f"{place}.port", before="http", after="web"), Change(field="name", after="a")]) == [
        f"~ {place}.port",
        "     http",
        "  -> web",
        f"+ name{' ' * 28}  a",
    ]


@pytest.mark.parametrize("value", ["x" * 130_000, "\u4e2d" * 500, "a b " * 100])
def test_no_value_is_wider_than_a_terminal(value: str) -> None:
    for change in (
        Change(field="env.A", after=value),
        Change(field="env.A", before=value, after=f"{value}1"),
        Change(field="env.A", before=f"1{value}", after=value),
    ):
        assert all(cells(line) <= WIDTH for line in lines([change]))


def test_lines_are_ascii_where_the_values_are_and_no_value_steers_the_terminal() -> None:
    found = lines([Change(field="env.A", before="a\x1b[31m", after="x" * 300)])
    assert "\x1b" not in "".join(found)
    assert "".join(found).replace("\N{REPLACEMENT CHARACTER}", "").isascii()
