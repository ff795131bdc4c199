"""A group whose commands are named in a table and imported only when one of them runs."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.main import get_command

from loco_cli.verb import Verb, Verbs


class LazyGroup(Verbs):
    """Help and completion of names read the table alone; running a command, or its own help, imports its module."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """name → (module, one line of help)."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names, which help does not list."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Give a stand-in with name and help, or the real one when it is going to be used."""
        cmd_name = self.aliases.get(cmd_name, cmd_name)
        if cmd_name not in self.table:
            return None
        if cmd_name not in self.commands:
            module, line = self.table[cmd_name]
            self.commands[cmd_name] = _stand_in(cmd_name, line) if _only_listed(ctx) else real(cmd_name, module)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in self.aliases:
            args = [self.aliases[args[0]], *args[1:]]
        if args and args[0] in self.table:
            self.commands[args[0]] = real(args[0], self.table[args[0]][0])
        else:  # Typer names the nearest of those that it holds
            for name, (_, line) in self.table.items():
                self.commands.setdefault(name, _stand_in(name, line))
        return super().resolve_command(ctx, args)


def group(line: str) -> typer.Typer:
    """Give a group of sub-commands, for a module of commands that has several; it is called `group` there."""
    return typer.Typer(
        cls=Verbs,
        help=inspect.cleandoc(line),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def _only_listed(ctx: Any) -> bool:
    """Whether the group's own help is being written: nothing after its name was asked for."""
    return not ctx.args and not ctx._protected_args  # noqa: SLF001  Typer's vendored click has no public word for it


def _stand_in(name: str, line: str) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(name, help=line)
    def nothing() -> None: ...

    return get_command(app)


def real(name: str, module: str) -> Any:
    """Give the module's `command`, or its `group` of several."""
    found = import_module(module)
    group = getattr(found, "group", None)
    if group is not None:
        for each in group.registered_commands:
            each.cls = Verb
        made = get_command(group)
        made.name = name
        return made
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name, cls=Verb, context_settings=getattr(found, "SETTINGS", None))(found.command)
    return get_command(app)
