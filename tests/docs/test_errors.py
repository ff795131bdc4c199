"""docs/errors.md explains every error that there is, and no other."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from docs import errors
from loco_cli import command_line
from loco_spec.errors import Cause, LocoError
from loco_spec.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text()
HEADINGS = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)


def test_every_error_code_and_cause_has_one_heading_and_there_are_no_others() -> None:
    codes = {LocoError.code, *LocoError.by_code}
    causes = {f"{cause} (cause)" if cause in codes else cause for cause in get_args(Cause)}
    assert sorted(HEADINGS) == sorted(codes | causes)


def test_its_tables_are_what_the_tree_of_errors_makes() -> None:
    assert errors.page(PAGE) == PAGE, "it is stale: scripts/gen-docs"
    assert set(re.findall(r"^\| \[`(\S+)`\]\(#\1\) \|", PAGE, re.MULTILINE)) == {LocoError.code, *LocoError.by_code}


def test_every_exit_code_stands_in_the_table() -> None:
    listed = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert listed == [str(int(code)) for code in Exit]


def test_the_exit_code_under_an_errors_heading_is_its_own() -> None:
    told = dict(re.findall(r"^### (\S+)\nExit (\d+)\.", PAGE, re.MULTILINE))
    classes: list[type[LocoError]] = [LocoError, *LocoError.by_code.values()]
    assert told == {cls.code: str(int(cls.exit_code)) for cls in classes}


def test_the_error_in_the_page_is_one_that_loco_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loco.toml").write_text("prot = 8080\n")
    command_line.run(["validate", "--json"])
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(capsys.readouterr().out) == json.loads(shown)
