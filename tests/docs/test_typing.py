"""How a page's commands are typed, and what they show is compared: what tests/e2e/test_pages.py stands on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.shell import Shell
from tests.docs.shown import shows

SAID = "v2 of shop (team ann)\npushed 2.1 MB, 2 of 2 layers new (0.4 s)\nv2: started (1.1 s)\nv2 is live after 3.0 s\n"


@pytest.mark.parametrize(
    "told",
    [
        SAID,
        "v2 of shop (team ann)\n…\nv2 is live after 12 s\n",
        "…\nv2 is live after 3.0 s\n…\n",
        "v2 of shop (team …)\npushed 13 MB, 1 of 3 layers new (2 s)\nv2: started (0.0 s)\nv2 is live after 1 s\n",
    ],
)
def test_what_differs_each_time_is_the_same(told: str) -> None:
    assert shows(SAID, told)


@pytest.mark.parametrize(
    "told",
    ["", "v3 of shop (team ann)\n…\n", "v2 of shop (team ann)\n", "…\nv2 was live after 3.0 s\n", SAID + "more\n"],
)
def test_what_is_another_is_another(told: str) -> None:
    assert not shows(SAID, told)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = Shell(tmp_path, os.environ)
    yield found
    found.end()


def test_a_shell_keeps_its_folder_its_variables_and_the_last_exit_code(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    assert shell.type("cd below; what=there; (exit 6)") == (6, "")
    assert shell.type("echo $? $what; pwd") == (0, f"6 there\n{tmp_path / 'below'}\n")
    assert shell.folder == tmp_path / "below"


def test_of_several_commands_any_that_fails_counts(shell: Shell) -> None:
    assert shell.type("true\nfalse\necho on") == (1, "on\n")
    assert shell.type("false || true") == (0, "")


def test_a_command_that_does_not_end_is_told_with_what_it_said(shell: Shell) -> None:
    with pytest.raises(AssertionError, match=r"did not end(.|\n)*waiting"):
        shell.type("echo waiting; read -r _ < <(sleep 60)", within=0.5)
