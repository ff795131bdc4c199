r"""One pattern of a `.dockerignore`, read as the engine's own builder reads it, its oddities included.

The builder is written in Go: it checks a pattern with `filepath.Match`, then writes a regular expression of it letter
by letter, without a thought for classes. So `[*]` is no star, and `\d` is a digit; what comes out is translated here.
"""

import re
from functools import lru_cache

_BODIES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}
_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PLACES = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"\B"}


class Pattern:
    """Exactly one of `exact`, `prefix`, `suffix` and `regex` is there."""

    __slots__ = ("exact", "parts", "prefix", "regex", "suffix")

    def __init__(self, clean: str) -> None:
        self.exact = self.prefix = self.suffix = self.regex = ""
        self.parts = clean.split("/")
        """What can match below a folder is told from these."""
        _check(clean)
        kind, regex = _go(clean)
        if kind == "exact":
            self.exact = clean
        elif kind == "prefix":
            self.prefix = clean[:-2]
        elif kind == "suffix":
            self.suffix = clean[2:]
        else:
            self.regex = _python(regex)

    def may_match_below(self, folder: str) -> bool:
        """Whether it could match something below a folder that it does not match itself."""
        if self.exact or self.prefix:
            return (self.exact or self.prefix).startswith(f"{folder}/")
        theirs = folder.split("/")
        for part, name in zip(self.parts, theirs, strict=False):
            if "**" in part or not set(part).isdisjoint("[]^\\"):
                return True  # a class can match a slash, too
            if not _part(part).fullmatch(name):
                return False
        return len(self.parts) > len(theirs)


@lru_cache(maxsize=256)
def _part(part: str) -> re.Pattern[str]:
    return re.compile(_python(_go(part)[1]))


def _check(pattern: str) -> None:
    """Refuse what Go's filepath.Match refuses.

    Raises:
        ValueError: with the reason.
    """
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            at += 1
            if at > len(pattern):
                raise ValueError(r"it ends in a \ that has nothing to escape")
        elif char == "[":
            at = _class_end(pattern, at + (pattern[at : at + 1] == "^"))


def _class_end(pattern: str, at: int) -> int:
    first = at
    while pattern[at : at + 1] != "]" or at == first:
        at = _class_item(pattern, at)
        if pattern[at : at + 1] == "-":
            at = _class_item(pattern, at + 1)
    return at + 1


def _class_item(pattern: str, at: int) -> int:
    if pattern[at : at + 1] in {"-", "]"}:
        raise ValueError(f'"{pattern[at]}" stands in [ ] where a letter belongs; put a \\ before it')
    at += 1 + (pattern[at : at + 1] == "\\")
    if at >= len(pattern):
        raise ValueError("a [ is not closed")
    return at


def _go(pattern: str) -> tuple[str, str]:
    """Give how the builder would compare, and its regular expression."""
    kind, regex, at = "exact", "", 0
    while at < len(pattern):
        char, start = pattern[at], at
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            if at < len(pattern):
                kind, regex = "regex", regex + "(.*/)?"
            elif kind == "exact":
                kind = "prefix"
            else:
                kind, regex = "regex", regex + ".*"
            if start == 0:
                kind = "suffix"
        elif char in "*?":
            kind, regex = "regex", regex + ("[^/]*" if char == "*" else "[^/]")
        elif char in ".+()|{}$":
            regex += f"\\{char}"
        elif char == "\\":
            kind, regex = "regex", regex + pattern[at - 1 : at + 1]
            at += 1
        else:
            kind = "regex" if char in "[]" else kind
            regex += char
    return kind, regex


def _python(go: str) -> str:
    """Translate a regular expression as Go reads it.

    Raises:
        ValueError: it is none.
    """
    found, at = "", 0
    while at < len(go):
        char = go[at]
        at += 1
        if char == "[":
            body, at = _python_class(go, at)
            found += body
        elif char == "\\":
            letter = go[at]
            at += 1
            if letter.lower() in _BODIES:
                found += f"[{'^' if letter.isupper() else ''}{_BODIES[letter.lower()]}]"
            else:
                found += _PLACES.get(letter) or _literal(letter)
        else:
            found += "(?:" if char == "(" else char
    return found


def _python_class(go: str, at: int) -> tuple[str, int]:
    negated = go[at : at + 1] == "^"
    at += negated
    found, first = "", True
    while go[at : at + 1] != "]" or first:
        first = False
        if go[at : at + 2] == "[:":
            raise ValueError("[: :] is not understood here")
        if go[at : at + 1] == "\\" and go[at + 1 : at + 2] in _BODIES:
            found += _BODIES[go[at + 1]]
            at += 2
            continue
        low, at = _python_item(go, at)
        high = low
        if go[at : at + 1] == "-" and go[at + 1 : at + 2] not in {"]", ""}:
            high, at = _python_item(go, at + 1)
        if high < low:
            raise ValueError(f"the range {low}-{high} is the wrong way round")
        found += _in_class(low) if low == high else f"{_in_class(low)}-{_in_class(high)}"
    return f"[{'^' if negated else ''}{found}]", at + 1


def _python_item(go: str, at: int) -> tuple[str, int]:
    if at >= len(go):
        raise ValueError("a [ is not closed")
    if go[at] != "\\":
        return go[at], at + 1
    letter = go[at + 1 : at + 2]
    _literal(letter)
    return _CONTROL.get(letter, letter), at + 2


def _literal(letter: str) -> str:
    """Give what a letter after a backslash stands for: itself when it is a sign."""
    if letter in _CONTROL:
        return re.escape(_CONTROL[letter])
    if not letter or letter.isalnum() or ord(letter) > 0x7F:
        raise ValueError(rf'"\{letter}" has no meaning; folders are separated by "/"')
    return re.escape(letter)


def _in_class(char: str) -> str:
    return f"\\{char}" if char in r"\[]^-&~|" else char
