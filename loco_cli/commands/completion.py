"""`loco completion`: the script that a shell completes loco by, printed, or put where the shell finds it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from loco_cli import shells
from loco_cli.context import opened
from loco_cli.lazy import group as a_group
from loco_cli.options import Json
from loco_cli.ui.results import CompletionChanged, CompletionScript

group = a_group("Print the completions of your shell, or put them where it finds them.")

Shell = Annotated[
    Literal["bash", "zsh", "fish"] | None,
    typer.Argument(help="For which shell; default: the one you are in.", metavar="[SHELL]", show_default=False),
]


@group.callback(invoke_without_command=True, no_args_is_help=False)
def command(asked: typer.Context, json: Json = False) -> None:
    """Print the completions of your shell, or put them where it finds them: commands, options, names of apps.

    A TAB starts no Python and asks no server: names are those that loco has seen last.
    """
    if asked.invoked_subcommand is None:
        _print(None, json=json)


@group.command("bash")
def bash(json: Json = False) -> None:
    """Print the completions for bash."""
    _print("bash", json=json)


@group.command("zsh")
def zsh(json: Json = False) -> None:
    """Print the completions for zsh."""
    _print("zsh", json=json)


@group.command("fish")
def fish(json: Json = False) -> None:
    """Print the completions for fish."""
    _print("fish", json=json)


@group.command("install")
def install(shell: Shell = None, json: Json = False) -> None:
    """Put the completions where the shell finds them; once more after an update of loco."""
    with opened(json=json) as context:
        where = _place(shell)
        changed = shells.install(where, shells.script(where.shell))
        context.ui.result(_changed("installed", where, changed))


@group.command("uninstall")
def uninstall(shell: Shell = None, json: Json = False) -> None:
    """Take away what `loco completion install` wrote."""
    with opened(json=json) as context:
        where = _place(shell)
        context.ui.result(_changed("uninstalled", where, shells.uninstall(where)))


def _print(shell: str | None, *, json: bool) -> None:
    with opened(json=json) as context:
        found = shells.name(shell)
        text = shells.script(found)
        if context.ui.json:
            context.ui.result(CompletionScript(shell=found, text=text))
        else:
            context.ui.lines(text.splitlines())


def _place(shell: str | None) -> shells.Place:
    found = shells.name(shell)
    return shells.place(found, shells.ask(found), Path.home(), macos=sys.platform == "darwin")


def _changed(change: str, where: shells.Place, files: Sequence[Path]) -> CompletionChanged:
    changed = tuple(str(path) for path in files)
    return CompletionChanged(shell=where.shell, change=change, script=str(where.script), changed=changed)
