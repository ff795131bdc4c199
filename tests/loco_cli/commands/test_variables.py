"""`loco variables`: what is sent, what is shown, and what is asked for."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loco_spec.errors import Conflict, NotFound
from loco_spec.variables import (
    Variable,
    VariablePurged,
    Variables,
    VariablesChanged,
    VariablesHistory,
    VariableVersion,
)
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import APP, DEPLOYMENTS, DIAGNOSIS, deployment, event
from tests.loco_cli.server import END, Server, message

pytestmark = pytest.mark.usefixtures("signed_in", "clock")

SHOP = ("--app", "shop", "--team", "ann")
PATH = f"{APP}/variables"


def staged(server: Server, **more: Any) -> None:
    server.answers(f"POST {PATH}", VariablesChanged(**{"set": ("A",), "waits": True, **more}))


def rolls(server: Server, end: str = "live", **more: Any) -> None:
    server.answers(f"POST {PATH}", VariablesChanged(deployment=deployment("accepted", 4, action="variables"), **more))
    server.streams(f"{DEPLOYMENTS}/4/events", message("event", event(1, "rolling out"), number=1), END)
    diagnosis = {"diagnosis": DIAGNOSIS, "reason": "wrong port"} if end == "failed" else {}
    server.answers(f"GET {DEPLOYMENTS}/4", deployment(end, 4, urls=(), **diagnosis))


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def holds(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return holds


def test_what_is_set_is_rolled_out_and_followed(server: Server, loco: Loco) -> None:
    rolls(server, set=("A", "B"), unchanged=("C",))
    found = loco("variables", "set", "A=1", "B=two words=2", "C=", *SHOP)
    assert (found.code, found.err) == (0, "v4 of shop (team ann) brings it\nv4: rolling out\n")
    assert found.out == "set A, B\nunchanged: C\nv4 is live after 0.0 s\n"
    assert server.body(0) == {"set": {"A": "1", "B": "two words=2", "C": ""}, "unset": [], "stage": False}


def test_what_is_staged_is_not(server: Server, loco: Loco) -> None:
    staged(server)
    found = loco("env", "set", "A=1", "--stage", *SHOP)
    assert (found.code, found.err) == (0, "")
    assert found.out == "set A\nstaged for the next deployment; loco redeploy brings it now\n"
    assert server.body()["stage"] is True


def test_a_program_gets_the_change_and_the_end_of_its_deployment(server: Server, loco: Loco) -> None:
    rolls(server, set=("A",))
    result = loco("variables", "set", "A=1", "--json", *SHOP).objects[-1]["result"]
    assert result["change"]["set"] == ["A"]
    assert result["deployed"]["deployment"]["state"] == "live"


def test_a_deployment_that_fails_ends_with_its_screen(server: Server, loco: Loco) -> None:
    rolls(server, "failed", set=("A",))
    found = loco("variables", "set", "A=1", *SHOP)
    assert (found.code, found.out) == (6, "")
    assert "error: v4 failed: wrong port" in found.err
    assert "; the change stays, for the next deployment: loco variables list\n" in found.err


def test_an_app_that_was_made_for_it_is_told(server: Server, loco: Loco) -> None:
    staged(server, made_app=True)
    assert "shop of team ann is new; its variables wait" in loco("variables", "set", "A=1", *SHOP).err


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b"sesame\n", "sesame"), (b"sesame", "sesame"), (b"a\n\n", "a\n"), (b" a\r\n", " a\r"), (b"", ""), (b"\n", "")],
)
def test_stdin_is_taken_as_it_is_but_for_one_newline_at_its_end(
    server: Server, loco: Loco, stdin: Callable[[bytes], None], raw: bytes, value: str
) -> None:
    staged(server)
    stdin(raw)
    found = loco("variables", "set", "A", "--stdin", *SHOP)
    assert found.code == 0
    assert server.body()["set"] == {"A": value}
    assert "sesame" not in found.out + found.err


@pytest.mark.parametrize("args", [["A=1"], ["A", "B"]])
def test_stdin_is_the_value_of_one_name(server: Server, loco: Loco, args: list[str]) -> None:
    found = loco("variables", "set", *args, "--stdin", *SHOP)
    assert found.code == 2
    assert "--stdin reads the value of one name" in found.err
    assert server.asked == []


def test_stdin_that_is_no_text_is_told(server: Server, loco: Loco, stdin: Callable[[bytes], None]) -> None:
    stdin(b"\xff")
    assert "not a text in UTF-8" in loco("variables", "set", "A", "--stdin", *SHOP).err


def test_a_name_alone_is_asked_for_without_showing_what_is_typed(
    server: Server, loco: Loco, types: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def getpass(prompt: str, stream: object) -> str:
        asked.append(prompt)
        assert stream is sys.stderr
        return "sesame"

    monkeypatch.setattr("getpass.getpass", getpass)
    types("")
    staged(server)
    found = loco("variables", "set", "A", *SHOP)
    assert (found.code, asked) == (0, ["A: "])
    assert server.body()["set"] == {"A": "sesame"}


def test_where_nobody_can_be_asked_the_error_names_the_option(server: Server, loco: Loco) -> None:
    found = loco("variables", "set", "A", *SHOP)
    assert (found.code, server.asked) == (2, [])
    assert found.err == (
        "error: A has no value, and nobody can be asked here\nnext: loco variables set A --stdin, or A=VALUE\n"
    )


def test_a_secret_in_the_command_line_is_told_of_and_an_ordinary_value_is_not(server: Server, loco: Loco) -> None:
    staged(server)
    staged(server)
    found = loco("variables", "set", "API_TOKEN=sesame", *SHOP)
    assert "loco variables set API_TOKEN --stdin" in found.err
    assert "sesame" not in found.err
    assert loco("variables", "set", "LOG_LEVEL=debug", *SHOP).err == ""


@pytest.mark.parametrize("wrong", ["=sesame", "9A=sesame", "postgres://ann:sesame@db/x?a=b", "A" * 201 + "=sesame"])
def test_what_is_no_name_is_refused_and_not_shown(server: Server, loco: Loco, wrong: str) -> None:
    found = loco("variables", "set", wrong, *SHOP)
    assert (found.code, server.asked) == (2, [])
    assert "the name of a variable has" in found.err
    assert "sesame" not in found.err


def test_a_name_that_is_given_twice_and_a_value_that_is_too_long_are_refused(server: Server, loco: Loco) -> None:
    assert "A is given twice" in loco("variables", "set", "A=1", "A=2", *SHOP).err
    assert "at most 128 KiB" in loco("variables", "set", "A=" + "v" * (1 << 17), *SHOP).err
    assert server.asked == []


def test_a_file_is_imported_in_one_request(server: Server, loco: Loco, folder: Path) -> None:
    (folder / ".env").write_text("A=1\nexport B='two'\nA=3\n")
    staged(server)
    found = loco("variables", "import", ".env", "--stage", *SHOP)
    assert found.code == 0
    assert server.body() == {"set": {"A": "3", "B": "two"}, "unset": [], "stage": True}
    assert found.err == ".env has A twice, in lines 1 and 3; the last one counts\n"


def test_stdin_is_imported_too(server: Server, loco: Loco, stdin: Callable[[bytes], None]) -> None:
    staged(server)
    stdin(b"A=1\n")
    assert loco("variables", "import", "-", *SHOP).code == 0
    assert server.body()["set"] == {"A": "1"}


def test_a_file_with_a_bare_name_is_refused_whole(server: Server, loco: Loco, folder: Path) -> None:
    (folder / ".env").write_text("A=1\nB\n")
    found = loco("variables", "import", ".env", *SHOP)
    assert (found.code, server.asked) == (2, [])
    assert found.err == (
        "error: .env has 1 line that cannot be taken; nothing was set\n"
        "  line 2: a name without a value; for an empty one write NAME=\n"
        "next: correct the file, then: loco variables import\n"
    )


@pytest.mark.parametrize(("file", "said"), [("nowhere", "cannot be read"), (".", "cannot be read"), ("none", "has no")])
def test_a_file_that_gives_nothing_is_told(loco: Loco, folder: Path, file: str, said: str) -> None:
    (folder / "none").write_text("# nothing\n")
    found = loco("variables", "import", file, *SHOP)
    assert found.code == 2
    assert said in found.err


def test_what_is_unset_is_rolled_out_and_then_purged(server: Server, loco: Loco) -> None:
    rolls(server, unset=("A",))
    server.answers(f"POST {PATH}/A/purge", VariablePurged(name="A", versions=2, deployments=(2, 3)))
    found = loco("variables", "unset", "A", "--purge", *SHOP)
    assert found.out.splitlines() == [
        "unset A",
        "v4 is live after 0.0 s",
        "purged A: 2 values gone for good",
        "  v2, v3 cannot be rolled back to any more",
    ]
    assert server.asked[-1] == f"POST {PATH}/A/purge"


def test_nothing_is_purged_where_the_deployment_without_it_failed(server: Server, loco: Loco) -> None:
    rolls(server, "failed", unset=("A",))
    assert loco("variables", "unset", "A", "--purge", *SHOP).code == 6
    assert not any("purge" in asked for asked in server.asked)


def test_a_purge_of_what_still_serves_is_refused(server: Server, loco: Loco) -> None:
    staged(server, set=(), unset=("A",))
    server.refuses(f"POST {PATH}/A/purge", Conflict("v3 is live and has A", hint="loco variables unset A --purge"))
    found = loco("variables", "unset", "A", "--purge", "--stage", *SHOP)
    assert (found.code, found.err) == (1, "error: v3 is live and has A\nnext: loco variables unset A --purge\n")


def when(hour: int) -> datetime:
    return datetime(2020, 1, 1, hour, tzinfo=UTC)


def test_the_list_says_who_when_and_where_it_stands(server: Server, loco: Loco) -> None:
    rows = [("A", "deployed", "0a1b2c3d"), ("LONGER", "staged", "ffffffff"), ("OLD", "unset", None)]
    listed = tuple(
        Variable(name=name, version=1, state=state, digest=digest, set_by="ann", set_at=when(n))
        for n, (name, state, digest) in enumerate(rows)
    )
    server.answers(f"GET {PATH}", Variables(variables=listed))
    lines = loco("variables", "list", *SHOP).out.splitlines()
    assert [line.split("  ")[0].rstrip() for line in lines] == ["A", "LONGER", "OLD"]
    assert "0a1b2c3d  ann, " in lines[0]
    assert lines[0].endswith("  deployed")
    assert lines[1].endswith("  staged: with the next deployment")
    assert lines[2].endswith("  unset: gone with the next deployment")


def test_the_history_shows_every_version(server: Server, loco: Loco) -> None:
    versions = (
        VariableVersion(name="A", version=2, action="unset", set_by="bob", set_at=when(2)),
        VariableVersion(name="A", version=1, action="set", digest="0a1b2c3d", set_by="ann", set_at=when(1)),
    )
    server.answers(f"GET {PATH}/history?name=A", VariablesHistory(versions=versions))
    newest, oldest = loco("variables", "history", "A", *SHOP).out.splitlines()
    assert newest.startswith("A 2  unset   -         bob, ")
    assert oldest.startswith("A 1  set     0a1b2c3d  ann, ")


def test_where_there_is_nothing_the_first_step_is_told(server: Server, loco: Loco) -> None:
    server.answers(f"GET {PATH}", Variables(variables=()))
    server.answers(f"GET {PATH}/history", VariablesHistory(versions=()))
    for command in ("list", "history"):
        assert "loco variables set NAME --stdin" in loco("variables", command, *SHOP).out


def test_an_app_that_is_not_there_is_told(server: Server, loco: Loco) -> None:
    server.refuses(f"GET {PATH}", NotFound("team ann has no app shop", hint="loco apps"))
    assert loco("variables", "list", *SHOP).code == 5


def test_a_history_of_what_is_no_name_asks_nobody(server: Server, loco: Loco) -> None:
    assert loco("variables", "history", "a-b", *SHOP).code == 2
    assert loco("variables", "unset", "a-b", *SHOP).code == 2
    assert server.asked == []
