"""What all commands have in common: the options that are the same everywhere, and examples at the end of their help."""

import inspect
import re
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from loco_cli.given import GIVEN

SHARED = (
    (("--server",), "The server's URL (or LOCO_SERVER).", "URL"),
    (("--json",), "Print JSON, for programs: one object; of what is followed, one a line.", None),
    (("--quiet", "-q"), "Say nothing on the way: nothing on stderr but errors.", None),
    (("--no-input",), "Ask nothing (or LOCO_NO_INPUT=1; so it is where CI is set).", None),
    (("--yes", "-y"), "Answer yes to what would be asked.", None),
)
EXAMPLES = "\nExamples:\n"
"""In a docstring: what follows is shown as it stands, a command a line."""
_NEXT = re.compile(r"(?<!\\)\n")
"""A command that goes on in the next line is one."""


def shared() -> list[TyperOption]:
    return [
        TyperOption(
            param_decls=list(names),
            help=line,
            metavar=metavar,
            is_flag=metavar is None,
            expose_value=False,
            callback=_keep,
        )
        for names, line, metavar in SHARED
    ]


def _keep(ctx: Any, param: Any, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        setattr(GIVEN.get(), param.name, value)


class _Verb:
    """Adds the shared options, but for those that a command has of its own under the same name."""

    def __init__(self, *args: Any, params: list[Any] | None = None, help: str | None = None, **more: Any) -> None:  # noqa: A002  Typer's word
        own = list(params or ())
        taken = {name for param in own for name in param.opts}
        self.shared = [param for param in shared() if not taken.intersection(param.opts)]
        text, _, examples = (help or "").partition(EXAMPLES)
        self.examples = [found for found in _NEXT.split(inspect.cleandoc(examples)) if found]
        for command in () if self.examples else more.get("commands", {}).values():
            self.examples += command.examples[:1]
        super().__init__(*args, params=[*own, *self.shared], help=text.rstrip(), **more)  # type: ignore[call-arg]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Give what is needed as it is, as everybody else writes it; Typer puts it in braces."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [piece.strip("{}") for piece in pieces]

    def format_options(self: Any, ctx: Any, formatter: Any) -> None:
        """Write what the command alone has first, and the rest in one line; all of it where there is no verb yet."""
        root = ctx.parent is None
        everywhere = [*self.shared, self.get_help_option(ctx)]
        own = [param for param in self.get_params(ctx) if param not in everywhere]
        options = [param for param in own if param.param_type_name == "option"]
        _listed(ctx, formatter, "Arguments", [param for param in own if param not in options])
        _listed(ctx, formatter, "Options", options)
        if isinstance(self, TyperGroup):
            self.format_commands(ctx, formatter)
        if root:
            _listed(ctx, formatter, "Everywhere, before the command or behind it", everywhere)
        else:
            with formatter.section("Everywhere (loco --help tells of them)"):
                formatter.write_text("  ".join(_short(param) for param in everywhere))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        del ctx
        if self.examples:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                formatter.write("".join(f"{indent}{line}\n" for each in self.examples for line in each.splitlines()))


class Verb(_Verb, TyperCommand):
    pass


class Verbs(_Verb, TyperGroup):
    """Several under one name."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the first sentence of each, whole: where it is too long for its line, the line is broken."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(500)) for name, each in commands if each is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _listed(ctx: Any, formatter: Any, heading: str, params: list[Any]) -> None:
    rows = [row for param in params if (row := param.get_help_record(ctx)) is not None]
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows, col_max=min(30, formatter.width // 2 - 2))


def _short(param: Any) -> str:
    """`-q/--quiet`, `--server=URL`: words that no line is broken in."""
    return "/".join(sorted(param.opts, key=len)) + (f"={param.metavar}" if param.metavar else "")
