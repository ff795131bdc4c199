"""What a command costs before it does anything, by what it imports; and the table of commands."""

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

from loco_cli import commands, generated
from loco_cli.main import COMMANDS
from loco_spec.version import VERSION
from tests.loco_cli.conftest import Loco

HEAVY = {"httpx", "pydantic", "docker", "keyring", "asyncio", "rich", "tomllib", "webbrowser"}
PROBE = """
from loco_cli.command_line import run
try:
    code = run(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(int(code or 0))
"""


def start(*args: str) -> tuple[int, str, set[str]]:
    """Run a command line in a fresh interpreter; give its exit code, what it said and what it imported."""
    said, modules = imported_by(PROBE, *args)
    said, _, code = said.removesuffix("\n").rpartition("\n")
    return int(code), f"{said}\n", modules


def imported_by(probe: str, *args: str) -> tuple[str, set[str]]:
    """Run a probe in a fresh interpreter; give what it said and what it imported."""
    last = "print(*sorted(sys.modules), file=sys.stderr)"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys\n{probe}\n{last}", *args],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    *said, last = found.stderr.splitlines(keepends=True)
    return "".join(said) + found.stdout, set(last.split())


def commands_of(modules: set[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in modules if name.startswith("loco_cli.commands.")}


def test_the_version_imports_nothing_but_the_way_to_it() -> None:
    """As the entry point's wrapper asks for it, which imports `re` and `sys`."""
    probe = (
        "import re, sys; before = set(sys.modules); sys.argv = ['loco', '--version']\n"
        "from loco_cli.entry import main; main(); print(*sorted(set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == [VERSION, "loco_cli loco_cli.entry"]


def test_the_version_imports_nothing_heavy_and_no_command() -> None:
    code, out, modules = start("--version")
    assert (code, out) == (0, f"{VERSION}\n")
    assert modules & HEAVY == set()
    assert commands_of(modules) == set()


@pytest.mark.parametrize(("args", "exit_code"), [(["--help"], 0), (["-h"], 0), ([], 2)])
def test_help_lists_every_command_and_imports_nothing_heavy_and_none_of_them(args: list[str], exit_code: int) -> None:
    code, out, modules = start(*args)
    assert code == exit_code
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in out
        assert line in out
    assert modules & HEAVY == set()
    assert commands_of(modules) == set()


def test_the_help_of_every_command_imports_nothing_heavy_no_typer_and_no_command() -> None:
    probe = "from loco_cli.command_line import run\nfor words in sys.argv[1:]: run([*words.split(), '-h'])"
    pages = json.loads(generated.read("help.json"))["pages"]
    out, modules = imported_by(probe, *pages)
    assert all(f"Usage: {f'loco {words}'.strip()} " in out for words in pages)
    assert modules & {*HEAVY, "typer"} == set()
    assert commands_of(modules) == set()


def test_a_command_imports_itself_alone_and_no_engine() -> None:
    code, _, modules = start("status", "--team", "No Slug")
    assert code == 2
    assert commands_of(modules) == {"status"}
    assert modules & {"docker", "keyring", "asyncio"} == set()


def test_a_question_to_the_server_imports_nothing_for_terminals_and_no_list_of_packages() -> None:
    probe = (
        "import os; os.environ.update(LOCO_TOKEN='loco_x', LOCO_SERVER='http://127.0.0.1:1')\nsys.argv[0] = 'loco'\n"
    )
    probe += "from loco_cli.entry import main\ntry: main()\nexcept SystemExit as end: print(end.code)"
    out, modules = imported_by(probe, "status", "--app", "shop")
    assert out.endswith("7\n")
    assert "httpx" in modules
    assert modules & {"rich", "click", "pygments", "docker", "keyring", "asyncio"} == set()


@pytest.mark.parametrize(("typed", "meant"), [("stauts", "status"), ("deply", "deploy"), ("log", "logs")])
def test_a_slip_in_a_commands_name_is_answered_with_the_nearest(loco: Loco, typed: str, meant: str) -> None:
    found = loco(typed)
    assert (found.code, found.out) == (2, "")
    assert f"No such command '{typed}'. Did you mean" in found.err
    assert f"'{meant}'" in found.err


def test_the_table_has_every_module_of_the_commands_folder_and_no_other() -> None:
    there = {f"{commands.__name__}.{each.name}" for each in pkgutil.iter_modules(commands.__path__)}
    assert {module for module, _ in COMMANDS.values()} == there
    assert all(module.rpartition(".")[2] == name for name, (module, _) in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_its_own_words(loco: Loco, name: str) -> None:
    found = loco(name, "--help")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"Usage: loco {name} ")
    assert loco(name, "-h").out == found.out
    module = import_module(COMMANDS[name][0])
    if hasattr(module, "group"):
        assert " ".join(module.group.info.help.split()[:3]) in found.out
        return
    assert " ".join(module.command.__doc__.split()[:3]) in found.out
    assert "--json" in found.out


SUB_COMMANDS = [
    (name, sub.name or sub.callback.__name__)
    for name, (module, _) in COMMANDS.items()
    for sub in getattr(getattr(import_module(module), "group", None), "registered_commands", ())
]


@pytest.mark.parametrize(("name", "sub"), SUB_COMMANDS)
def test_every_sub_command_explains_itself_and_speaks_json(loco: Loco, name: str, sub: str) -> None:
    assert f"  {sub} " in loco(name, "--help").out
    found = loco(name, sub, "--help")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"Usage: loco {name} {sub} ")
    assert "--json" in found.out
    assert "--server" in found.out or name == "completion"


def test_a_group_imports_itself_alone() -> None:
    code, _, modules = start("teams", "create", "No Slug")
    assert code == 2
    assert commands_of(modules) == {"teams"}


def test_an_alias_is_the_command_under_another_name_and_not_in_the_list(loco: Loco) -> None:
    assert loco("env", "list", "--help").out == loco("variables", "list", "--help").out
    assert "  env " not in loco("--help").out
