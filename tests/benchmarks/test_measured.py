"""The table of the benchmarks, their JSON, and what they end with. No time is measured here."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks.measured import HEADER, Measured, NotMeasured, Row, document, line
from benchmarks.parts import MissingError
from benchmarks.timing import in_turn


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Measured("a", 3.0, 2.0, limit=1.5), True),
        (Measured("a", 3.1, 2.0, limit=1.5), False),
        (Measured("a", 0.6, limit=0.6), True),
        (Measured("a", 1, limit=0, unit=""), False),
        (Measured("a", 3.0, 2.0), True),
    ],
)
def test_a_limit_is_of_the_ratio_or_where_there_is_nothing_raw_of_the_figure_itself(row: Measured, holds: bool) -> None:
    assert row.holds is holds
    assert ("MISSED" in line(row)) is not holds


def test_the_table_says_figures_ratio_limit_and_what_was_not_measured() -> None:
    rows: list[Row] = [
        Measured("deploy / by hand", 2.5, 2.0, 1.3),
        Measured("loco --help / python -c pass", 60.04, 15.0, 6.0, "ms"),
        Measured("requests failed", 0, limit=0, unit="", note="of 1,234"),
        Measured("memory", 183.6, limit=200, unit="MB"),
        NotMeasured("loco --help / kubectl --help", "no kubectl here"),
    ]
    words = [line(row).split("  ") for row in rows]
    assert [[word.strip() for word in each if word.strip()] for each in words] == [
        ["deploy / by hand", "2.50 s", "2 s", "1.25", "1.30"],
        ["loco --help / python -c pass", "60.0 ms", "15 ms", "4.00", "6.00"],
        ["requests failed", "0", "0", "of 1,234"],
        ["memory", "184 MB", "200 MB"],
        ["loco --help / kubectl --help", "not measured: no kubectl here"],
    ]
    assert len(line(rows[0])) == len(HEADER)


def test_the_document_has_every_row_under_its_subject() -> None:
    found = document({"start": [Measured("a", 3.0, 2.0, 1.2)], "push": [NotMeasured("push", "no engine")]}, {"cpus": 2})
    assert found["machine"] == {"cpus": 2}
    [measured] = found["measured"]
    assert measured == {
        "subject": "start",
        "name": "a",
        "ours": 3.0,
        "raw": 2.0,
        "ratio": 1.5,
        "limit": 1.2,
        "unit": "s",
        "note": "",
        "holds": False,
    }
    assert found["not_measured"] == [{"subject": "push", "name": "push", "why": "no engine"}]


def test_ways_are_called_in_turn_and_their_medians_given() -> None:
    called: list[str] = []
    figures = {"a": iter([1.0, 9.0, 2.0]), "b": iter([5.0, 5.0, 7.0])}

    def way(name: str) -> float:
        called.append(name)
        return next(figures[name])

    assert in_turn({"a": lambda: way("a"), "b": lambda: way("b")}, 3) == {"a": 2.0, "b": 5.0}
    assert "".join(called) == "abbaab"


@pytest.mark.parametrize(("ours", "code"), [(1.0, 0), (3.0, 1)])
def test_the_command_writes_json_and_ends_with_one_where_a_limit_is_missed(
    ours: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure() -> Iterator[Row]:
        yield Measured("a", ours, 1.0, 2.0)
        raise MissingError("no docker CLI")

    monkeypatch.setattr("benchmarks.__main__.importlib.import_module", lambda _name: SimpleNamespace(measure=measure))
    monkeypatch.setattr(sys, "argv", ["bench", "start", "--json", str(tmp_path / "found.json")])
    assert command.main() == code
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [row["holds"] for row in written["measured"]] == [code == 0]
    assert written["not_measured"] == [{"subject": "start", "name": "start", "why": "no docker CLI"}]
    assert "not measured: no docker CLI" in capsys.readouterr().out


def test_every_subject_is_a_module_with_something_to_measure() -> None:
    for name in command.SUBJECTS:
        assert (Path(command.__file__).parent / f"{name}.py").is_file()
