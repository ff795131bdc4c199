"""Text from elsewhere, made safe to show; times and sizes for people."""

import re
import shutil
import textwrap
import unicodedata
from datetime import UTC, datetime
from typing import TextIO

# Everything that a terminal takes for an order: C0 but tab, DEL, C1, and what turns the direction of writing.
# And the halves of pairs: names that are no UTF-8 have them, and nothing can print them.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str) -> str:
    """Replace what could steer the terminal; a log line stays one line."""
    return text if text.isprintable() else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


TAB = 4
LINE = 100
"""A shown line of a file is no longer, in a terminal's cells."""


def cells(text: str) -> int:
    """Give how many cells of a terminal the text takes: wide characters two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def columns(stream: TextIO) -> int | None:
    """Give how wide the terminal is; None: it is none, and what reads it wants whole lines."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wrapped(line: str, width: int | None) -> list[str]:
    """Break a long line between words; what follows stands further in."""
    if width is None or cells(line) <= width:
        return [line]
    inset = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=inset, break_long_words=False, break_on_hyphens=False)


_OWN_FORM = re.compile(r"[#|>`\s]|[-*] |\d+\. |\[")


def page(text: str, width: int) -> list[str]:
    """Give the lines of a page in Markdown, its paragraphs broken anew; what has a form of its own keeps its lines."""
    found: list[str] = []
    paragraph: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        fence = line.lstrip().startswith("```")
        if line and not fence and not fenced and not _OWN_FORM.match(line):
            paragraph.append(line)
            continue
        found += textwrap.wrap(" ".join(paragraph), width, break_long_words=False, break_on_hyphens=False)
        found += [line] if fence or fenced or line.startswith("|") else wrapped(line, width)
        paragraph, fenced = [], fenced != fence
    return found[:-1]


def windowed(line: str, start: int, width: int) -> tuple[str, int, int]:
    """Cut a long line around the part that is pointed at; give it with the part's new start and width, in cells."""
    if cells(line) <= LINE:
        return line, start, width
    begin = max(0, start - LINE // 3)
    taken, at = "", 0
    for char in line:
        if begin <= at and at + cells(char) <= begin + LINE:
            taken += char
        at += cells(char)
    left = "…" if begin else ""
    right = "…" if at > begin + LINE else ""
    return f"{left}{taken}{right}", start - begin + len(left), min(width, LINE - (start - begin))


def ago(moment: datetime | None, *, now: datetime | None = None) -> str:
    """`5 minutes ago`."""
    if moment is None:
        return "never"
    seconds = max(0, int(((now or datetime.now(UTC)) - moment).total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{seconds} s ago"


def until(moment: datetime | None) -> str:
    """`until 2030-01-02 03:04 UTC`."""
    return "without an end" if moment is None else f"until {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
