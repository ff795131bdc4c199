"""Whether a command shows what a page says that it shows: the same, but for what is another each time."""

import re

_EACH_TIME = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?"), "TIME"),
    (re.compile(r"\b\d+ (s|minutes?|hours?) ago\b|\bjust now\b"), "N ago"),
    (re.compile(r"\b\d+(\.\d+)? ?(s|ms|min|kB|MB|KiB|MiB|B|seconds?|minutes?)\b"), r"N \2"),
    (re.compile(r"\b\d+ of \d+ layers\b"), "N of N layers"),
    (re.compile(r"\b\d+ (steps|cached|layers)\b"), r"N \1"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b"), "HEX"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b(?!:\d)"), "ADDRESS"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
]
"""Times, sizes, digests, addresses in a team's network, and how wide a column is."""
ANYTHING = "…"
"""Alone in a line: any lines, also none; within one: any text."""


def settled(text: str) -> list[str]:
    """Give the lines, with a word in place of what is another each time."""
    for pattern, word in _EACH_TIME:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def shows(said: str, told: str) -> bool:
    """Whether a page may tell this of what was said."""
    pattern = ""
    for line in settled(told):
        if line.strip() == ANYTHING:
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += re.escape(line).replace(re.escape(ANYTHING), r"[^\n]*") + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in settled(said))) is not None
