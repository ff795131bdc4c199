"""`.dockerignore`, as the engine's own builder reads it (moby/patternmatcher's rules, not git's).

Patterns are anchored at the context's root: one without a slash does not match at any depth. The last match wins; a
path is ignored, too, when one of the folders above it is. `!` takes back. A comment begins in the first column only.
"""

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loco_spec.errors import ConfigError


@dataclass(frozen=True)
class Pattern:
    regex: re.Pattern[str]
    takes_back: bool


@dataclass(frozen=True)
class Ignore:
    """What is left out of a context."""

    patterns: tuple[Pattern, ...]
    source: str | None
    """The ignore file's path in the context; None when there is none."""

    @property
    def may_prune(self) -> bool:
        """Whether nothing below an ignored folder can come back: it need not be walked."""
        return not any(pattern.takes_back for pattern in self.patterns)

    def ignores(self, path: str) -> bool:
        """Whether the path (relative, with slashes) is left out."""
        parts = path.split("/")
        prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        ignored = False
        for pattern in self.patterns:
            if pattern.takes_back != ignored:
                continue  # it could only say again what is so already
            if any(pattern.regex.fullmatch(prefix) for prefix in prefixes):
                ignored = not pattern.takes_back
        return ignored


def load(context: Path, dockerfile: str) -> Ignore:
    """Read `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore`; they are never merged."""
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        path = context / name
        if path.is_file():
            return parse(path.read_text(encoding="utf-8-sig", errors="surrogateescape"), source=name)
    return Ignore((), None)


def parse(text: str, *, source: str | None = None) -> Ignore:
    """Read the patterns of an ignore file. One that is none, such as `[z-a]`, is a ConfigError with its line."""
    patterns = []
    for number, raw in enumerate(text.split("\n"), start=1):
        if raw.startswith("#"):
            continue
        line = raw.strip()
        takes_back = line.startswith("!")
        line = line.removeprefix("!").strip()
        if not line:
            continue
        clean = posixpath.normpath(line)
        clean = re.sub("^//", "/", clean)
        if len(clean) > 1:
            clean = clean.removeprefix("/")
        try:
            patterns.append(Pattern(_compiled(clean), takes_back))
        except re.error as error:
            raise ConfigError(f'{source}:{number}: "{line}" is not a pattern: {error}') from error
    return Ignore(tuple(patterns), source)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` stays within a folder, `**/` is any number of folders, a last `**` everything; the rest is as in Go.

    A first `**` before plain letters (`**.log`) is any beginning, which no other `**` is.
    """
    if plain := re.fullmatch(r"\*\*([^/*?\[\]\\][^*?\[\]\\]*)", pattern):
        return re.compile(".*" + re.escape(plain[1]), re.DOTALL)
    regex, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            if pattern[at : at + 1] == "/":
                at += 1
            regex += "(.*/)?" if at < len(pattern) else ".*"
        elif char == "*":
            regex += "[^/]*"
        elif char == "?":
            regex += "[^/]"
        elif char == "[":
            end = _class_end(pattern, at)
            regex += f"[{_class(pattern[at:end])}]" if end else re.escape(char)
            at = end + 1 if end else at
        elif char == "\\":
            regex += re.escape(pattern[at : at + 1] or "\\")
            at += 1
        else:
            regex += re.escape(char)
    return re.compile(regex, re.DOTALL)


def _class_end(pattern: str, start: int) -> int:
    """Where the class that begins at `start` closes; 0 when it does not."""
    at = start + (1 if pattern[start : start + 1] == "^" else 0)
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] == "]" and at > start:
            return at
        at += 1
    return 0


def _class(body: str) -> str:
    """Escape what Python takes, or warns that it will take, for set operations."""
    for sign in ("--", "&&", "||", "~~"):
        body = body.replace(sign, f"{sign[0]}\\{sign[1]}")
    return body.replace("[", r"\[")
