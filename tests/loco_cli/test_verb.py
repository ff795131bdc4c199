"""What all commands have in common: the same options everywhere, and examples that are true."""

import shlex
from typing import Any

import pytest
from completions.tree import Command, tree

from loco_cli.given import GIVEN, Given
from loco_cli.main import app
from loco_cli.verb import SHARED
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import me
from tests.loco_cli.server import Server

EVERYWHERE = {name for names, _, _ in SHARED for name in names if name.startswith("--")}
NO_APP = {
    "completion": "it is about the shell",
    "account": "an account is a person's",
    "apps": "it lists them all",
    "config": "it shows what the folder's loco.toml says",
    "docs": "it reads pages",
    "init": "it names one: --name",
    "logout": "a session is a person's",
    "teams": "people are in teams, not in apps",
    "tokens list": "a team's tokens",
    "tokens revoke": "a team's tokens",
    "trust list": "a team's rules",
    "trust remove": "a team's rules",
    "validate": "it checks a file",
    "version": "it is asked of the server",
    "whoami": "it is asked of the server",
}
NO_TEAM = {
    "account": NO_APP["account"],
    "completion": NO_APP["completion"],
    "config": NO_APP["config"],
    "docs": NO_APP["docs"],
    "init": "loco.toml may name one; no server is asked",
    "logout": NO_APP["logout"],
    "teams create": "the team is what it is given",
    "teams delete": "the team is what it is given",
    "teams join": "the invitation knows the team",
    "teams leave": "the team is what it is given",
    "teams list": "it lists them all",
    "validate": NO_APP["validate"],
    "version": NO_APP["version"],
    "whoami": NO_APP["whoami"],
}
ROOT = tree()
VERBS = [each for each in ROOT.all() if not each.commands or each.path[1:] == ("deployments",)]


def words(command: Command) -> str:
    return " ".join(command.path[1:])


def options(command: Command) -> set[str]:
    return {name for option in command.options for name in option.names}


def excepted(verb: str, exceptions: dict[str, str]) -> bool:
    return verb in exceptions or verb.split(maxsplit=1)[0] in exceptions


@pytest.mark.parametrize("command", VERBS, ids=words)
def test_every_verb_takes_the_same_options(command: Command) -> None:
    assert options(command) >= EVERYWHERE
    for name, exceptions in (("--app", NO_APP), ("--team", NO_TEAM)):
        assert (name in options(command)) != excepted(words(command), exceptions), (name, words(command))


def test_every_exception_is_one() -> None:
    verbs = {words(each) for each in ROOT.all()}
    assert {*NO_APP, *NO_TEAM} <= verbs


@pytest.mark.parametrize("command", VERBS, ids=words)
def test_help_names_what_is_typed_in_words_and_fits_its_terminal(
    loco: Loco, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    found = loco(*command.path[1:], "--help").out
    assert " <str" not in found
    assert " <int" not in found
    assert max(map(len, found.splitlines())) < 80
    monkeypatch.setenv("COLUMNS", "40")
    narrow = loco(*command.path[1:], "--help").out.partition("Examples:")[0]
    assert [line for line in narrow.splitlines() if len(line) > 40 and len(line.split()) > 2] == []


@pytest.mark.parametrize("where", ["before", "between", "behind"])
def test_they_are_taken_before_the_verb_and_behind_it(server: Server, loco: Loco, signed_in: Any, where: str) -> None:
    given = ["--json", "--quiet", "--no-input", "--yes", "--server", "https://loco.example.com"]
    verb = ["teams", "list"]
    at = {"before": 0, "between": 1, "behind": 2}[where]
    found = loco(*verb[:at], *given, *verb[at:])
    assert GIVEN.get() == Given("https://loco.example.com", json=True, quiet=True, no_input=True, yes=True)
    assert (found.code, found.err) == (4, "")
    assert found.json["error"]["message"] == "you are not signed in to https://loco.example.com"


def test_one_command_line_knows_nothing_of_the_last(server: Server, loco: Loco, signed_in: Any) -> None:
    server.answers("GET /v1/me", me())
    server.answers("GET /v1/me", me())
    assert loco("--json", "whoami").json["version"] == 1
    assert loco("whoami").out.startswith("ann")


@pytest.mark.parametrize("variable", ["LOCO_NO_INPUT", "CI"])
def test_the_environment_can_say_that_nobody_is_asked(
    loco: Loco, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "true")
    loco("docs", "health")
    assert GIVEN.get().no_input
    monkeypatch.setenv(variable, "0")
    loco("docs", "health")
    assert not GIVEN.get().no_input


EXAMPLES = list(dict.fromkeys(example for each in ROOT.all() for example in each.examples))


@pytest.mark.parametrize("command", VERBS, ids=words)
def test_every_verb_has_examples_of_itself(command: Command) -> None:
    assert 1 <= len(command.examples) <= 4
    assert all(example.startswith(f"loco {words(command)}") for example in command.examples)
    assert all(len(line) <= 76 for example in command.examples for line in example.splitlines())


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_line(example: str) -> None:
    """Read by the real tree, up to the function that it would call; what the shell does is the shell's."""
    _, *argv = shlex.split(example.replace("\\\n", " ").partition(" <")[0])
    context = app().make_context("loco", argv)
    while context._protected_args:
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
    assert context.args == []
