"""One line of a `.gitignore` as a regular expression: git's own matcher, wildmatch, in the mode it uses for paths."""

import re
from dataclasses import dataclass

_SETS = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\v\\f\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class Line:
    regex: str
    """For the name alone, or for the path from the file's folder."""
    whole: bool
    """For the path: there is a slash before the end of the pattern."""
    folders: bool
    """A slash at the end: for folders only."""
    ignores: bool
    """False: a `!` takes it back."""


def read(line: str) -> Line | None:
    """Read a line; None for an empty one, a comment, and what can match nothing."""
    line = _trimmed(line)
    if line.startswith("#"):
        return None
    ignores = not line.startswith("!")
    line = line.removeprefix("!")
    folders = line.endswith("/")
    line = line.removesuffix("/")
    whole = "/" in line
    line = line.removeprefix("/")
    if not line:
        return None
    try:
        return Line(_regex(line) if whole else _regex(line.replace("**", "*")), whole, folders, ignores)
    except ValueError:
        return None


def _trimmed(line: str) -> str:
    """Without the blanks at the end that no backslash keeps."""
    bare = line.rstrip(" ")
    slashes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if len(bare) < len(line) and slashes % 2 else bare


def _regex(pattern: str) -> str:
    found, at = "", 0
    # Git compares the letters before the first wildcard by themselves, and begins with what is left: two stars after
    # them stand at the beginning, too.
    begin = next((n for n, char in enumerate(pattern) if char in "*?[\\"), 0)
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            start = at - 1
            while pattern[at : at + 1] == "*":
                at += 1
            alone = start == begin or pattern[start - 1] == "/"
            if at - start == 1 or not alone or pattern[at : at + 1] not in {"", "/"}:
                found += "[^/]*"
            elif at == len(pattern):
                found += ".*"
            else:
                found += "(?:.*/)?"
                at += 1
        elif char == "?":
            found += "[^/]"
        elif char == "[":
            body, at = _class(pattern, at)
            found += body
        elif char == "\\":
            if at == len(pattern):
                raise ValueError(pattern)
            found += re.escape(pattern[at])
            at += 1
        else:
            found += re.escape(char)
    return found


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] in {"!", "^"}
    at += negated
    found, first = "", True
    while first or pattern[at : at + 1] != "]":
        first = False
        if pattern[at : at + 2] == "[:" and ":]" in pattern[at + 2 :]:
            name, _, _ = pattern[at + 2 :].partition(":]")
            if name not in _SETS:
                raise ValueError(name)
            found += _SETS[name]
            at += len(name) + 4
            continue
        low, at = _item(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in {"]", ""}:
            high, at = _item(pattern, at + 1)
        if low <= high:  # the wrong way round it matches nothing
            found += f"{re.escape(low)}-{re.escape(high)}"
    # No class matches what separates folders.
    if not found:
        return ("[^/]" if negated else "(?!)"), at + 1
    return (f"(?!/)[^{found}]" if negated else f"(?!/)[{found}]"), at + 1


def _item(pattern: str, at: int) -> tuple[str, int]:
    at += pattern[at : at + 1] == "\\"
    if at >= len(pattern):
        raise ValueError(pattern)
    return pattern[at], at + 1
