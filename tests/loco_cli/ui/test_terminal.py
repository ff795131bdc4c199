"""What is said on the way and in the end: to a person at a terminal, to a file, to a program."""

import json
import re
import sys
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from loco_cli.given import Given
from loco_cli.ui.results import Opened
from loco_cli.ui.terminal import Ui
from loco_spec.api import Deployments
from loco_spec.errors import FieldFault
from tests.loco_cli.samples import deployment, event
from tests.loco_cli.screen import HIDE_CURSOR, LINE_GONE, SHOW_CURSOR, Screen, at_a_terminal

Capture = pytest.CaptureFixture[str]


def test_without_a_terminal_steps_go_to_stderr_and_the_result_to_stdout(capsys: Capture) -> None:
    ui = Ui()
    ui.working("reading the folder")
    ui.step("v3 of shop")
    ui.event(event(1), "v3: rolling out")
    ui.note("the build context is large")
    ui.lines(["a line of a log"])
    ui.result(Opened(url="http://shop"), server="https://x")
    ui.close()
    assert capsys.readouterr() == (
        "a line of a log\nhttp://shop\n",
        "v3 of shop\nv3: rolling out\nthe build context is large\n",
    )


def test_a_program_reads_one_object_a_line_and_notes_are_not_among_them(capsys: Capture) -> None:
    ui = Ui(Given(json=True))
    ui.working("reading the folder")
    ui.step("v3 of shop", number=3)
    ui.event(event(1), "v3: rolling out")
    ui.note("the build context is large")
    ui.result(Opened(url="http://shop"), server="https://x")
    out, err = capsys.readouterr()
    assert json.loads(out) == {"version": 1, "result": {"url": "http://shop", "server": "https://x"}}
    assert [json.loads(line) for line in err.splitlines()] == [
        {"version": 1, "step": "v3 of shop", "number": 3},
        {"version": 1, "event": event(1).model_dump(mode="json")},
        {"version": 1, "note": "the build context is large"},
    ]


def test_at_a_narrow_terminal_no_word_is_broken_and_elsewhere_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    found = Deployments(deployments=(deployment("failed", 12, action="rollback", base=9, reason="it exited with 3"),))
    Ui().result(found)
    [row, reason] = capsys.readouterr().out.splitlines()
    assert len(row) > 40
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    Ui().result(found)
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split() == f"{row} {reason}".split()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_quiet_one_says_on_stderr_only_what_is_needed(capsys: Capture, *, as_json: bool) -> None:
    ui = Ui(Given(json=as_json, quiet=True))
    ui.step("v3 of shop")
    ui.event(event(1), "v3: rolling out")
    ui.note("the build context is large")
    ui.warn(FieldFault(path="env.KEY", message="looks like a secret"))
    assert capsys.readouterr() == ("", "")
    ui.step("enter the code", needed=True)
    assert "enter the code" in capsys.readouterr().err


def test_what_steers_a_terminal_is_taken_out_of_steps_and_notes(capsys: Capture) -> None:
    ui = Ui()
    ui.step("\x1b[2Jstep")
    ui.event(event(1), "\x1b[2Jevent")
    ui.note("\x1b[2Jnote")
    assert capsys.readouterr().err == "�[2Jstep\n�[2Jevent\n�[2Jnote\n"


def test_on_a_terminal_the_moving_line_is_shown_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = at_a_terminal(monkeypatch)
    ui = Ui()
    ui.working("reading the folder")
    assert HIDE_CURSOR in screen.getvalue()
    ui.working("building: \x1b[2J[1/2] RUN make")
    ui.step("[bold]built[/bold]: 2 steps")
    ui.close()
    text = screen.getvalue()
    assert "building: �[2J[1/2] RUN make" in text
    assert "[bold]built[/bold]: 2 steps\n" in text
    assert text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)
    assert text.endswith(LINE_GONE)
    ui.close()
    assert screen.getvalue() == text


def test_no_colour_is_shown_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile("\x1b\\[[0-9;]*3[0-7][;m]")
    for wanted in (False, True):
        screen = at_a_terminal(monkeypatch)
        if wanted:
            monkeypatch.delenv("NO_COLOR")
        ui = Ui()
        ui.working("reading the folder")
        ui.close()
        assert bool(colour.search(screen.getvalue())) == wanted


@pytest.mark.parametrize("message", ["x" * 500, "RUN make " * 60, "水" * 100], ids=["word", "words", "wide"])
def test_the_moving_line_is_one_line_however_long_it_is(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    screen = at_a_terminal(monkeypatch)
    ui = Ui()
    ui.working(message)
    ui.close()
    shown, rest = screen.getvalue().removeprefix(HIDE_CURSOR).split("\n")
    assert shown.endswith("…")
    assert message.startswith(shown[2:-1].rstrip())
    assert 78 < cell_len(shown) <= 80
    assert rest == SHOW_CURSOR + LINE_GONE


def test_the_result_comes_after_the_moving_line_is_gone(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    screen = at_a_terminal(monkeypatch)
    ui = Ui()
    ui.working("destroying shop")
    ui.result(Opened(url="http://shop"))
    assert SHOW_CURSOR in screen.getvalue()
    assert capsys.readouterr().out == "http://shop\n"


@pytest.mark.parametrize(
    ("variable", "value", "given"),
    [("TERM", "dumb", Given()), ("CI", "true", Given()), ("A", "b", Given(json=True)), ("A", "b", Given(quiet=True))],
)
def test_a_dumb_terminal_a_ci_job_and_a_program_see_no_moving_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, given: Given
) -> None:
    screen = at_a_terminal(monkeypatch)
    monkeypatch.setenv(variable, value)
    ui = Ui(given)
    ui.working("reading the folder")
    ui.close()
    assert screen.getvalue() == ""


def test_somebody_can_be_asked_where_both_sides_are_a_terminal(
    types: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Ui().can_ask
    types("shop\n")
    assert Ui().can_ask
    assert not Ui(Given(json=True)).can_ask
    assert not Ui(Given(no_input=True)).can_ask
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert not Ui().can_ask


def test_a_question_is_shown_where_the_person_looks_and_not_where_the_result_goes(
    types: Callable[[str], None], capsys: Capture
) -> None:
    types("shop\n")
    Ui().ask("Type its name, \x1b[2J:")
    assert capsys.readouterr() == ("", "Type its name, �[2J: ")


def test_an_answer_is_what_was_typed_without_blanks_around(types: Callable[[str], None]) -> None:
    types("  shop \n\n")
    ui = Ui()
    assert ui.ask("Type its name:") == "shop"
    assert ui.ask("Type its name:") == ""
    with pytest.raises(EOFError):
        ui.ask("Type its name:")
