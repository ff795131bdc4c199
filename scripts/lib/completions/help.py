"""The help of every command as it is before it is broken into lines: what Typer would write, taken down."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from typer._click.formatting import HelpFormatter

from loco_cli.lazy import real
from loco_cli.main import ALIASES, COMMANDS, app

Part = tuple[str, int, Any]
"""A kind (`usage`, `text`, `rows`, `line`), how far it stands in, and what it says; loco_cli/help.py prints it."""


class Taken(HelpFormatter):
    """Stands where Typer writes to, and is so wide that nothing is cut."""

    def __init__(self) -> None:
        super().__init__(width=10_000)
        self.parts: list[Part] = []

    def _take(self, kind: str, content: Any) -> None:
        self.parts.append((kind, self.current_indent, content))

    def write(self, string: str) -> None:
        self.parts += [("line", 0, line) for line in string.removesuffix("\n").split("\n")]

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        del prefix
        self._take("usage", (prog, args))

    def write_heading(self, heading: str) -> None:
        self._take("line", f"{heading}:")

    def write_paragraph(self) -> None:
        self.parts.append(("line", 0, ""))

    def write_text(self, text: str) -> None:
        self._take("text", text)

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        del col_max, col_spacing
        self._take("rows", list(rows))


def script(_tree: object) -> str:
    """Give help.json: a page a line, `alone` where the words without more are answered with it too."""
    pages = ",\n".join(
        f"{json.dumps(words)}: {json.dumps({'alone': alone, 'lines': parts}, ensure_ascii=False)}"
        for words, alone, parts in _pages(app(), None, "loco")
    )
    return f'{{"aliases": {json.dumps(ALIASES)}, "pages": {{\n{pages}\n}}}}\n'


def _pages(command: Any, above: Any, name: str) -> Iterator[tuple[str, bool, list[Part]]]:
    context = command.context_class(command, info_name=name, parent=above, **command.context_settings)
    taken = Taken()
    command.format_help(context, taken)
    yield context.command_path.removeprefix("loco").strip(), bool(command.no_args_is_help), taken.parts
    if above is None:
        for each, (module, _) in COMMANDS.items():
            yield from _pages(real(each, module), context, each)
    else:
        for each, inner in getattr(command, "commands", {}).items():
            yield from _pages(inner, context, each)
