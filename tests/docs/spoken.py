"""The commands of loco in a text: are they there, with the options that they are given?"""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.main import get_command

from loco_cli.main import app
from loco_server.main import app as server_app

_OPERATORS = {";", "&", "&&", "|", "||", "(", ")", "<", ">", ">>", ">(", "<("}
_OPTION = re.compile(r"--?[a-z][a-z-]*")


@cache
def programs() -> dict[str, Any]:
    return {"loco": app(), "loco-server": get_command(server_app)}


def spoken(script: str) -> Iterator[list[str]]:
    """Give the words of each command of ours in a script."""
    for line in script.replace("\\\n", " ").splitlines():
        if not re.search(r"\bloco\b", line):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word in _OPERATORS or word == "--":
                yield from _ours(command)
                command = []
            else:
                command.append(word)


def _ours(command: list[str]) -> Iterator[list[str]]:
    while command and re.fullmatch(r"\w+=.*|run|\w*:", command[0]):  # VARIABLE=value loco …
        command = command[1:]
    if command and command[0] in programs():
        yield command


def fault(words: list[str]) -> str | None:
    """Say what is wrong with a command, given in words. Words in capitals, or with signs in them, stand for others."""
    found, path = programs()[words[0]], [words[0]]
    for given in words[1:]:
        word = given.strip("[]…,.")
        if _OPTION.fullmatch(name := word.partition("=")[0]):
            if name not in _options(found):
                return f"{' '.join(path)} has no option {name}"
        elif hasattr(found, "get_command") and re.fullmatch(r"[a-z-]+", word):
            context = found.make_context(path[0], [], resilient_parsing=True)
            context.args = [word]  # else a group that imports its commands when they are used gives a stand-in
            inner = found.get_command(context, word)
            if inner is None:
                return f"{' '.join(path)} has no command {word}"
            found, path = inner, [*path, word]
    return None


def _options(found: Any) -> set[str]:
    return {"-h", "--help", *(name for each in found.params for name in (*each.opts, *each.secondary_opts))}
