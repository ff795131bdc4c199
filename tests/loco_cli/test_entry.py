"""The one catch: whatever goes wrong becomes a message, a next step and an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loco_cli.client import account
from loco_spec.errors import LocoError
from loco_spec.exits import Exit
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import me
from tests.loco_cli.server import TOKEN, Server

pytestmark = pytest.mark.usefixtures("signed_in")


def let_it_raise(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `loco whoami` end so."""

    def me(http: object) -> None:
        raise error

    monkeypatch.setattr(account, "me", me)


def test_what_goes_well_ends_with_nought(server: Server, loco: Loco) -> None:
    server.answers("GET /v1/me", me())
    found = loco("whoami")
    assert (found.code, found.err) == (0, "")


@pytest.mark.parametrize("cls", [LocoError, *LocoError.by_code.values()])
def test_every_error_ends_with_its_exit_code_its_message_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch, loco: Loco, cls: type[LocoError]
) -> None:
    let_it_raise(monkeypatch, cls("what happened", hint="loco apps"))
    found = loco("whoami")
    assert (found.code, found.out) == (int(cls.exit_code), "")
    assert found.err == "error: what happened\nnext: loco apps\n"


def test_a_program_gets_the_error_as_an_object_on_stdout(monkeypatch: pytest.MonkeyPatch, loco: Loco) -> None:
    let_it_raise(monkeypatch, LocoError("what happened"))
    found = loco("whoami", "--json")
    assert (found.code, found.err) == (1, "")
    error = {"code": "failed", "message": "what happened", "hint": "", "fields": []}
    assert found.json == {"version": 1, "error": error, "exit_code": 1}


def test_what_nobody_thought_of_is_a_defect_without_a_trace(monkeypatch: pytest.MonkeyPatch, loco: Loco) -> None:
    let_it_raise(monkeypatch, ZeroDivisionError("by nought"))
    found = loco("whoami")
    assert (found.code, found.out) == (1, "")
    assert found.err == (
        "error: this is a defect in loco: ZeroDivisionError: by nought\n"
        "next: run it again with LOCO_DEBUG=1 and report it\n"
    )
    assert loco("whoami", "--json").json["exit_code"] == 1


def test_the_trace_is_shown_to_whoever_asks_for_it(monkeypatch: pytest.MonkeyPatch, loco: Loco) -> None:
    monkeypatch.setenv("LOCO_DEBUG", "1")
    let_it_raise(monkeypatch, LocoError("what happened"))
    found = loco("whoami")
    assert found.err.startswith("Traceback (most recent call last):\n")
    assert found.err.endswith("error: what happened\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["whoami", "--colour"], "No such option: --colour"),
        (["apps", "acme"], "Got unexpected extra argument"),
        (["logs", "--lines", "many"], "Invalid value for '--lines' / '-n'"),
        (["logs", "--lines", "-1"], "Invalid value for '--lines' / '-n'"),
        (["nosuch"], "No such command 'nosuch'."),
    ],
)
def test_a_slip_in_the_command_line_is_a_usage_error(loco: Loco, args: list[str], words: str) -> None:
    found = loco(*args)
    assert (found.code, found.out) == (2, "")
    assert words in found.err
    program = loco(*args, "--json")
    assert (program.code, program.err) == (2, "")
    error = program.json["error"]
    hint = "loco --help" if args == ["nosuch"] else f"loco {args[0]} --help"
    assert (error["code"], error["hint"]) == ("usage", hint)
    assert words in error["message"]
    assert found.err.endswith(f"next: {hint}\n")


def test_ctrl_c_is_an_interruption(monkeypatch: pytest.MonkeyPatch, loco: Loco) -> None:
    let_it_raise(monkeypatch, KeyboardInterrupt())
    found = loco("whoami")
    assert (found.code, found.out, found.err) == (130, "", "interrupted\n")


def test_ctrl_d_at_a_question_is_an_interruption(monkeypatch: pytest.MonkeyPatch, loco: Loco) -> None:
    let_it_raise(monkeypatch, EOFError())
    found = loco("whoami")
    assert (found.code, found.out) == (130, "")
    assert found.err.strip() == "interrupted"


def run(*args: str, module: str = "loco_cli") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *args], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_the_package_can_be_run_and_gives_its_exit_code_to_the_shell(folder: Path) -> None:
    found = run("version", "--server", "no url", "--json")
    assert found.returncode == int(Exit.USAGE)
    assert json.loads(found.stdout)["error"]["code"] == "usage"
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("args", "exit_code", "unbuffered"),
    [
        ("--help", 0, ""),
        ("--help", 0, "1"),
        ("version --json", 0, ""),
        ("apps --team X --json", 2, "1"),
        ("x --json", 2, ""),
    ],
)
def test_a_reader_that_has_enough_is_no_failure(args: str, exit_code: int, unbuffered: str) -> None:
    """As in `loco apps | head -1`: the pipe is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-m", "loco_cli", *args.split()],
        check=False,
        stdout=writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered, "LOCO_SERVER": "http://127.0.0.1:1"},
    )
    os.close(writer)
    assert (found.returncode, found.stderr) == (exit_code, b"")


def test_a_trace_shows_nothing_of_an_answer_that_is_not_understood(
    server: Server, monkeypatch: pytest.MonkeyPatch, loco: Loco
) -> None:
    monkeypatch.setenv("LOCO_DEBUG", "1")
    server.says("GET /v1/me", 200, b'{"user": {"token": "hunter2"}, "default_team": ["hunter2"]}')
    found = loco("whoami")
    assert "ValidationError" in found.err
    assert "hunter2" not in found.err + found.out


@pytest.mark.parametrize("args", [["login", TOKEN], ["teams", "list", TOKEN], ["whoami", f"--{TOKEN}"]])
def test_a_token_where_none_belongs_is_not_repeated(loco: Loco, args: list[str]) -> None:
    for found in (loco(*args), loco(*args, "--json")):
        assert found.code == Exit.USAGE
        assert TOKEN not in found.out + found.err
        assert "***" in found.out + found.err


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--version >&-", 0, ""),
        ("--help >&-", 0, ""),
        ("2>&-", 2, ""),
        ("version --server http://127.0.0.1:1 >&-", 0, ""),
        ("docs loco.toml >/dev/full", 1, "error: the result cannot be written: No space left on device\n"),
        ("--help >/dev/full", 1, "error: the result cannot be written: No space left on device\n"),
    ],
)
def test_a_result_that_goes_nowhere_is_no_trace(line: str, code: int, said: str) -> None:
    found = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m loco_cli {line}"], check=False, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (code, said)
