"""The command tree as plain values: what a shell needs to know of each command. Read off the commands themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loco_cli.lazy import real
from loco_cli.main import app

KINDS = {"--app": "app", "--team": "team", "--deployment": "deployment", "--attach": "deployment"}
"""Options whose values are names that a server has given out."""
ARGUMENTS = {"number": "deployment", "version": "deployment", "file": "file"}
"""Arguments, by their name in the code."""


@dataclass(frozen=True)
class Values:
    kind: str
    """`text` (nothing to offer), `choice`, `file`, `folder`, or a name: `app`, `team`, `deployment`."""
    choices: tuple[str, ...] = ()
    repeats: bool = False
    label: str = ""


@dataclass(frozen=True)
class Option:
    names: tuple[str, ...]
    help: str
    values: Values | None
    """None: a flag."""
    repeats: bool = False


@dataclass(frozen=True)
class Command:
    path: tuple[str, ...]
    """`("loco", "variables", "set")`."""
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Values, ...]
    commands: tuple["Command", ...]

    @property
    def name(self) -> str:
        return self.path[-1]

    def all(self) -> Iterator["Command"]:
        yield self
        for each in self.commands:
            yield from each.all()

    def everywhere(self) -> tuple[Option, ...]:
        """Give the options that each command has, in the same words: they are written once."""
        return tuple(option for option in self.options if all(option in each.options for each in self.all()))

    def own(self, everywhere: tuple[Option, ...]) -> tuple[Option, ...]:
        return tuple(option for option in self.options if option not in everywhere)


HELP = Option(("--help", "-h"), "Show this message and exit.", None)


def tree() -> Command:
    """Import every command, and give the whole tree."""
    return _command(app(), ("loco",), "")


def _command(found: Any, path: tuple[str, ...], line: str) -> Command:
    options = tuple(_option(each) for each in found.params if each.param_type_name == "option" and not each.hidden)
    arguments = tuple(
        _values(each, ARGUMENTS.get(each.name, "text")) for each in found.params if each.param_type_name == "argument"
    )
    return Command(
        path=path,
        help=line or first_line(found.help or ""),
        options=(*options, HELP),
        arguments=arguments,
        commands=tuple(_command(each, (*path, name), line) for name, each, line in _inner(found)),
    )


def _inner(found: Any) -> Iterator[tuple[str, Any, str]]:
    table = getattr(found, "table", None)
    if table:
        for name, (module, line) in table.items():
            yield name, real(name, module), line
    else:
        for name, each in getattr(found, "commands", {}).items():
            yield name, each, ""


def _option(found: Any) -> Option:
    names = tuple(sorted([*found.opts, *found.secondary_opts], key=len, reverse=True))
    flag = found.is_flag or found.count
    values = None if flag else _values(found, KINDS.get(names[0], "text"))
    return Option(names, first_line(found.help or ""), values, repeats=bool(found.multiple))


def _values(found: Any, kind: str) -> Values:
    choices = tuple(str(each) for each in getattr(found.type, "choices", None) or ())
    if choices:
        kind = "choice"
    elif type(found.type).__name__ == "TyperPath":
        kind = "file" if found.metavar and "FILE" in found.metavar else "folder"
    label = (found.metavar or found.name).strip("[]").rstrip(".").lower()
    return Values(kind, choices, repeats=found.nargs == -1, label=label)


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()
