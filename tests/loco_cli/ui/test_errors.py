"""A failure as a screen for people, and as an object for programs."""

import json

import pytest

from loco_cli.ui import errors
from loco_spec.errors import (
    ConfigError,
    DeploymentFailed,
    Diagnosis,
    Fact,
    FieldFault,
    LocoError,
    NotSignedIn,
    TooManyRequests,
)
from tests.loco_cli.samples import DIAGNOSIS

FAILED = DeploymentFailed("v3 failed: wrong port", hint="port = 3000", diagnosis=DIAGNOSIS)


def test_a_failure_is_one_sentence_and_the_next_command() -> None:
    assert errors.lines(NotSignedIn("you are not signed in", hint="loco login")) == [
        "error: you are not signed in",
        "next: loco login",
    ]


def test_a_failure_without_a_hint_is_its_sentence() -> None:
    assert errors.lines(LocoError("no")) == ["error: no"]
    assert errors.lines(LocoError("")) == ["error: "]


def test_more_lines_stand_below_the_first() -> None:
    assert errors.lines(LocoError("first\nsecond\nthird")) == ["error: first", "  second", "  third"]


def test_every_fault_of_loco_toml_has_a_line_with_its_key() -> None:
    faults = [FieldFault(path="health.interval", message='expected "10s"'), FieldFault(path="", message="two routes")]
    assert errors.lines(ConfigError("loco.toml has 2 faults", hint="correct it", fields=faults)) == [
        "error: loco.toml has 2 faults",
        '  health.interval: expected "10s"',
        "  two routes",
        "next: correct it",
    ]


def test_a_diagnosis_tells_the_phase_the_cause_and_the_last_lines() -> None:
    assert errors.lines(FAILED) == [
        "error: v3 failed: wrong port",
        "  phase: health, after 3.5 s (5.0 s since the rollout began)",
        "  cause: wrong-port",
        "  it listens on 3000, and loco.toml says 8080",
        "  listens on: 0.0.0.0:3000",
        "  its last lines:",
        "    ready on :3000",
        "next: port = 3000",
    ]


def test_a_cause_is_not_told_twice_and_one_of_two_lines_has_one_heading() -> None:
    def screen(message: str) -> list[str]:
        diagnosis = DIAGNOSIS.model_copy(update={"message": message, "lines": ()})
        return errors.lines(DeploymentFailed("v3 failed: it failed", diagnosis=diagnosis))[3:-1]

    assert screen("it failed") == []
    assert screen("it failed\ntwo") == ["  two"]
    assert screen("one\ntwo") == ["  one", "  two"]


def test_evidence_of_several_lines_stands_below_its_name_and_a_terminal_breaks_no_word() -> None:
    facts = (Fact(name="body", text="<html>\n<b>oh</b>"), Fact(name="answer", text="a word " * 14))
    diagnosis = DIAGNOSIS.model_copy(update={"evidence": facts, "lines": ("x" * 100,), "total": None})
    assert errors.lines(DeploymentFailed("no", hint="a step " * 13, diagnosis=diagnosis), 80)[1:] == [
        "  phase: health, after 3.5 s",
        "  cause: wrong-port",
        "  it listens on 3000, and loco.toml says 8080",
        "  body: <html>",
        "    <b>oh</b>",
        "  answer: a word a word a word a word a word a word a word a word a word a word",
        "    a word a word a word a word",
        "  its last lines:",
        "    " + "x" * 100,
        "next: a step a step a step a step a step a step a step a step a step a step a",
        "  step a step a step",
    ]


def test_of_many_last_lines_twenty_are_shown() -> None:
    diagnosis = DIAGNOSIS.model_copy(update={"lines": tuple(str(n) for n in range(50))})
    screen = errors.lines(DeploymentFailed("no", diagnosis=diagnosis))
    assert screen[screen.index("  its last lines:") + 1 :] == [f"    {n}" for n in range(30, 50)]


def test_nothing_from_elsewhere_steers_the_terminal() -> None:
    evil = "\x1b[2J"
    diagnosis = Diagnosis(phase=evil, seconds=1, cause=evil, message=f"{evil}\n{evil}", hint=evil, lines=(evil,))
    diagnosis = diagnosis.model_copy(update={"evidence": (Fact(name=evil, text=f"{evil}\n{evil}"),)})
    faults = [FieldFault(path=evil, message=evil), FieldFault(path="", message=evil)]
    for error in (
        DeploymentFailed(evil, hint=evil, diagnosis=diagnosis),
        ConfigError(f"{evil}\n{evil}", hint=evil, fields=faults),
    ):
        screen = errors.lines(error)
        assert len(screen) >= 5
        assert all("\x1b" not in line for line in screen)


def test_a_program_reads_one_object_with_what_there_is() -> None:
    failed = {"code": "failed", "message": "no", "hint": "", "fields": []}
    assert errors.document(LocoError("no")) == {"version": 1, "error": failed, "exit_code": 1}
    fault = FieldFault(path="name", message="expected a name")
    assert errors.document(ConfigError("no", hint="correct it", fields=[fault])) == {
        "version": 1,
        "error": {
            "code": "config-invalid",
            "message": "no",
            "hint": "correct it",
            "fields": [{"path": "name", "message": "expected a name"}],
        },
        "exit_code": 2,
    }
    assert Diagnosis.model_validate(errors.document(FAILED)["error"]["diagnosis"]) == DIAGNOSIS
    assert errors.document(TooManyRequests("no", retry_after=7))["error"]["retry_after"] == 7


@pytest.mark.parametrize("cls", [LocoError, *LocoError.by_code.values()])
def test_the_exit_code_in_the_object_is_the_processs(cls: type[LocoError]) -> None:
    assert errors.document(cls("no"))["exit_code"] == int(cls.exit_code)


def test_the_screen_goes_to_stderr_and_the_object_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    errors.show(LocoError("no", hint="loco apps"), as_json=False)
    assert capsys.readouterr() == ("", "error: no\nnext: loco apps\n")
    errors.show(LocoError("no"), as_json=True)
    out, err = capsys.readouterr()
    assert (json.loads(out)["error"]["message"], out.count("\n"), err) == ("no", 1, "")


def test_what_should_not_have_happened_is_a_defect_of_loco() -> None:
    found = errors.defect(KeyError("x"))
    assert found.message == "this is a defect in loco: KeyError: 'x'"
    assert found.hint == "run it again with LOCO_DEBUG=1 and report it"
    assert int(found.exit_code) == 1
