"""GitHub Actions: a failure is an annotation, and nothing that an app or a server says is an order to the runner."""

import re
from pathlib import Path

import pytest

from loco_cli.given import Given
from loco_cli.ui import actions, errors
from loco_cli.ui.results import Opened
from loco_cli.ui.terminal import Ui
from loco_spec.errors import ConfigError, DeploymentFailed, FieldFault, LocoError
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import DIAGNOSIS, deployment, event

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


def orders(text: str) -> list[str]:
    """Give what a runner obeys: `::` at the beginning of a line, blanks aside, and `##[` anywhere."""
    return [line for line in re.split(r"[\r\n]", text) if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.usefixtures("runner")
def test_each_fault_of_loco_toml_is_an_annotation_of_its_line(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text("prot = 1\n[health]\ninterval = 5\n")
    said = loco("validate")
    first, second = orders(said.err)
    assert first.startswith("::error file=loco.toml,line=1,col=1::")
    assert second.startswith("::error file=loco.toml,line=3,col=12::")
    assert said.out == ""


@pytest.mark.usefixtures("runner")
def test_a_file_is_named_from_the_root_of_the_repository(
    loco: Loco, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder.parent))
    (folder / "loco.toml").write_text("prot = 1\n")
    assert orders(loco("validate").err)[0].startswith("::error file=shop/loco.toml,line=1,")


@pytest.mark.usefixtures("runner")
def test_any_other_failure_is_one_annotation_with_the_next_step(capsys: Capture) -> None:
    errors.show(LocoError("there is no app", hint="loco apps"), as_json=False)
    out, err = capsys.readouterr()
    assert (out, orders(err)) == ("", ["::error title=loco%3A failed::there is no app%0Anext: loco apps"])
    assert err.startswith("error: there is no app\nnext: loco apps\n")


def test_elsewhere_and_for_a_program_there_are_none(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    errors.show(LocoError("no"), as_json=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    errors.show(LocoError("no"), as_json=True)
    out, err = capsys.readouterr()
    assert orders(out + err) == []


EVIL = "::set-env name=PATH::/tmp\n  ::add-mask::x\nx ##[add-path]/tmp\r::error::y"


@pytest.mark.usefixtures("runner")
def test_what_an_app_says_gives_the_runner_no_order(capsys: Capture) -> None:
    diagnosis = DIAGNOSIS.model_copy(update={"lines": (EVIL, *EVIL.splitlines())})
    fault = FieldFault(path="name", message=EVIL, file="a,line=9::loco.toml", line=1, column=2, source=EVIL)
    for error in (DeploymentFailed(EVIL, hint=EVIL, diagnosis=diagnosis), ConfigError(EVIL, fields=[fault])):
        errors.show(error, as_json=False)
        [order] = orders(capsys.readouterr().err)
        assert re.fullmatch(r"::error [^:]*::.*", order)


@pytest.mark.usefixtures("runner")
def test_neither_do_steps_lines_and_results(capsys: Capture) -> None:
    ui = Ui()
    for line in EVIL.splitlines():
        ui.step(line)
        ui.note(line)
        ui.event(event(1), line)
        ui.lines([line])
        ui.result(Opened(url=line))
    ui.result(deployment(reason="::stop-commands::x"))
    out, err = capsys.readouterr()
    assert orders(out + err) == []
    assert "set-env name=PATH" in out


def test_elsewhere_lines_are_left_as_they_are(capsys: Capture) -> None:
    Ui(Given()).lines(["::error::x", "##[group]"])
    assert capsys.readouterr().out == "::error::x\n##[group]\n"


@pytest.mark.usefixtures("runner")
def test_ten_annotations_are_what_a_step_may_have() -> None:
    faults = [FieldFault(path="x", message="no", file="loco.toml", line=n) for n in range(1, 30)]
    assert len(actions.annotations(ConfigError("no", fields=faults))) == 10
