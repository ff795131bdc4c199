"""Help without what a command needs to run: pages that were written ahead, broken to the width of the terminal."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from loco_cli import generated

WIDEST, NARROWEST = 80, 30
FIRST = 30
"""The first of two columns is no wider; what is longer has a line of its own."""


def shown(argv: Sequence[str]) -> int | None:
    """Print the help that a command line asks for, and give its exit code; None: it asks for something else."""
    *words, last = argv or [""]
    asked = last in {"-h", "--help"}
    if not asked:
        words = list(argv)
    if not asked and any(word.startswith("-") for word in words):
        return None
    import json

    try:
        found = json.loads(generated.read("help.json"))
    except (OSError, ValueError):  # Typer has it too, and takes longer
        return None
    words = [found["aliases"].get(word, word) if n == 0 else word for n, word in enumerate(words)]
    page = found["pages"].get(" ".join(words))
    if page is None or not (asked or page["alone"]):
        return None
    file = sys.stdout if asked else sys.stderr
    file.write("\n".join([*lines(page["lines"], _columns()), ""]))
    return 0 if asked else 2


def lines(page: Sequence[Any], columns: int) -> Iterator[str]:
    """Give a page for so wide a terminal: `[kind, inset, content]` each; what is neither of these kinds stays."""
    width = max(NARROWEST, min(columns, WIDEST)) - 2
    for kind, inset, content in page:
        if kind == "usage":
            yield from _usage(content[0], content[1], width)
        elif kind == "rows":
            yield from _rows(content, inset, width)
        elif kind == "text":
            yield from (f"{'':{inset}}{line}" if line else "" for line in _paragraphs(content, width - inset))
        else:
            yield f"{'':{inset}}{content}"


def _usage(program: str, arguments: str, width: int) -> Iterator[str]:
    start = f"Usage: {program} "
    inset = len(start) if len(start) + 20 <= width else 4
    first, *rest = _wrapped(arguments, width - inset)
    yield from [start + first] if inset == len(start) else [start.rstrip(), f"{'':{inset}}{first}"]
    yield from (f"{'':{inset}}{line}" for line in rest)


def _rows(rows: Sequence[tuple[str, str]], inset: int, width: int) -> Iterator[str]:
    most = min(FIRST, width // 2)
    column = inset + 2 + max((len(first) for first, _ in rows if len(first) <= most), default=8)
    for first, second in rows:
        start = f"{'':{inset}}{first}"
        if len(start) + 2 > column or not second:
            yield start
            start = ""
        for line in _paragraphs(second, width - column) if second else ():
            yield f"{start:{column}}{line}"
            start = ""


def _paragraphs(text: str, width: int) -> Iterator[str]:
    """Give the lines of paragraphs; one that begins with a line of a backspace stands as it is."""
    for number, paragraph in enumerate(text.split("\n\n")):
        yield from [""] if number else []
        first, *rest = paragraph.splitlines() or [""]
        yield from rest if first.strip() == "\b" else _wrapped(" ".join([first, *rest]), width)


def _wrapped(text: str, width: int) -> list[str]:
    """Break between words alone: an option's name is one, and two spaces stay two."""
    found = [""]
    for word in text.split(" "):
        if found[-1] and len(found[-1]) + 1 + len(word) > width:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}" if found[-1] else word
    return [line.rstrip() for line in found]


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (ValueError, OSError):  # nobody's terminal, or no number
        return WIDEST
