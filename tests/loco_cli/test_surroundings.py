"""Where loco runs: pipes that nobody reads, locales that lack letters, narrow terminals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loco_cli.ui import errors
from loco_spec.errors import ConfigError, FieldFault, NotFound
from loco_spec.exits import Exit

PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Python takes `C` for UTF-8 by itself; here it does not, as where the locale is another old one."""


def run(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    return subprocess.run(
        [sys.executable, "-m", "loco_cli", *args],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**env, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, PLAIN, {"PYTHONIOENCODING": "latin-1"}], ids=str)
def test_letters_that_a_locale_lacks_are_replaced(folder: Path, environment: dict[str, str]) -> None:
    (folder / "loco.toml").write_text('[env]\nNAME = "日本 ü"\n', encoding="utf-8")
    found = run("config", cwd=folder, **environment)
    assert (found.returncode, found.stderr) == (0, b"")
    assert b'NAME = "' in found.stdout
    (folder / "loco.toml").write_text('näme = "日本"\n', encoding="utf-8")
    found = run("validate", cwd=folder, **environment)
    assert found.returncode == Exit.USAGE
    assert b"loco.toml:1:2:" in found.stderr
    assert b"Traceback" not in found.stderr


@pytest.mark.parametrize(
    "words", ["apps | head -0", "docs | head -1", "validate --json | true", "docs --json | head -c 1"]
)
def test_a_reader_that_leaves_early_is_no_failure(folder: Path, words: str) -> None:
    (folder / "loco.toml").write_text("prot = 1\n")
    command, _, reader = words.partition(" | ")
    script = f'"$PYTHON" -m loco_cli {command} 2>err | {reader} >/dev/null; echo "${{PIPESTATUS[0]}}"'
    env = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run(
        ["bash", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
    )
    assert found.stdout.strip() in {"0", "2", "4", "7"}  # its own end, not one by a signal
    assert "Traceback" not in (folder / "err").read_text()
    assert "roken pipe" not in (folder / "err").read_text()


@pytest.mark.parametrize("width", [40, 80])
def test_a_screen_of_an_error_breaks_between_words(width: int) -> None:
    fault = FieldFault(path="health.interval", message="expected a duration such as 5s, and 5 is a number without one")
    placed = fault.model_copy(update={"file": "loco.toml", "line": 3, "column": 12, "source": "interval = 5"})
    error = ConfigError("the loco.toml of this folder has two faults, and " * 3, hint="correct it, then: loco validate")
    error.fields = (fault, placed)
    for each in (error, NotFound("there is no app of this name in any of the teams that you are in", hint="loco apps")):
        lines = errors.lines(each, width)
        assert max(map(len, lines)) <= width
        assert " ".join(" ".join(lines).split()).startswith(f"error: {each.message.strip()}")
