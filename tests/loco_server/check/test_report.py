"""How findings are told: to people within 80 columns, to programs as one object, and by the exit code."""

import json

import pytest

from loco_server.check.finding import Finding, missing, ok, unknown, warning
from loco_server.check.report import Report

LONG = "a word after another and again " * 6


def test_a_check_is_a_line_and_its_fix_stands_below_it_indented() -> None:
    found = Report(of="machine", findings=(ok("engine", "Docker 20.10"), missing("fence", "no iptables", "install it")))
    assert found.lines() == [
        "ok       engine          Docker 20.10",
        "missing  fence           no iptables",
        "         fix: install it",
        "2 checks: 1 missing",
    ]


def test_two_fixes_are_two_lines() -> None:
    found = Report(of="machine", findings=(missing("a", "b", "first\nsecond"),))
    assert found.lines()[1:3] == ["         fix: first", "         fix: second"]


def test_no_line_is_longer_than_a_terminal() -> None:
    found = Report(of="cluster", findings=(warning("gateway-api", LONG, LONG), unknown("secrets-unread", LONG)))
    lines = found.lines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 8
    assert " ".join(" ".join(lines).split()).count("a word after another") == 18


def test_a_command_is_not_broken_inside_a_word() -> None:
    path = "/" + "x" * 90
    assert f"              {path}" in Report(of="machine", findings=(missing("a", "b", f"chmod {path}"),)).lines()


def test_what_a_cluster_says_does_not_steer_the_terminal() -> None:
    found = Report(of="cluster", findings=(ok("gateway", "\x1b[2Jgone\nline"),))
    assert found.lines()[0] == "ok       gateway          [2Jgone line"


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ((ok("a", "b"),), 0, "1 checks: all is well"),
        ((warning("a", "b", "c"), unknown("d", "e")), 0, "2 checks: 1 warning, 1 unknown"),
        ((ok("a", "b"), missing("c", "d", "e"), missing("f", "g", "h")), 1, "3 checks: 2 missing"),
    ],
)
def test_only_what_is_missing_makes_it_fail(findings: tuple[Finding, ...], code: int, last: str) -> None:
    found = Report(of="cluster", findings=findings)
    assert found.exit_code == code
    assert found.lines()[-1] == last


def test_programs_get_a_version_and_each_finding() -> None:
    found = json.loads(Report(of="cluster", findings=(missing("a", "b", "c"),)).model_dump_json())
    assert found == {
        "version": 1,
        "of": "cluster",
        "findings": [{"name": "a", "state": "missing", "said": "b", "fix": "c"}],
    }
