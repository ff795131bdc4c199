"""`.dockerignore`, as the engine's own builder reads it (moby/patternmatcher's rules, not git's).

Patterns are anchored at the context's root: one without a slash does not match at any depth. The last match wins; a
path is ignored, too, when one of the folders above it is. `!` takes back. A comment begins in the first column only.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from loco_cli.build.pattern import Pattern
from loco_cli.build.rules import Level
from loco_spec.errors import BuildFailed, ConfigError

_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_LINE_BYTES = 64 * 1024
"""The engine's builder refuses a longer line."""


class Group:
    """Patterns in a row that all leave out, or all take back: among them the order does not matter."""

    def __init__(self, patterns: Sequence[Pattern], *, takes_back: bool) -> None:
        self.takes_back = takes_back
        self.patterns = patterns
        self._exact = frozenset(each.exact for each in patterns if each.exact)
        self._prefixes = tuple(each.prefix for each in patterns if each.prefix)
        suffixes = [each.suffix for each in patterns if not (each.exact or each.prefix or each.regex)]
        self._suffixes = tuple(suffixes)
        self._exact |= {suffix[1:] for suffix in suffixes if suffix.startswith("/")}
        regexes = [f"(?:{each.regex})" for each in patterns if each.regex]
        self._regex: Callable[[str], object] | None = None
        if regexes:
            self._regex = re.compile("|".join(regexes), re.ASCII).fullmatch

    def matches(self, path: str) -> bool:
        """Whether one of them matches the path itself."""
        return (
            path in self._exact
            or path.startswith(self._prefixes)
            or path.endswith(self._suffixes)
            or (self._regex is not None and self._regex(path) is not None)
        )


class DockerLevel:
    """What a folder hands down to what is in it.

    BuildKit asks the patterns twice. Its walk asks a group only where that could turn what the groups before said, and
    hands down what matched: after `**/*.md`, `!docs` brings nothing back in docs, for at docs itself it was not asked.
    When the content of a file is wanted, it asks anew, and then all of them about all folders above. What the walk
    finds and the second look denies arrives as an empty file; here it is left out, as the patterns say.
    """

    __slots__ = ("_above", "_groups", "_pairs", "_walked")

    def __init__(self, groups: Sequence[Group], walked: Sequence[bool], above: Sequence[bool] | None) -> None:
        self._groups = groups
        self._walked = walked
        """Which groups matched, as the walk asked."""
        self._pairs = tuple(zip(groups, walked, strict=True))
        self._above = above
        """Which match a folder on the way; None where both ways to ask come to the same."""

    def ignores(self, path: str, *, folder: bool) -> bool:
        ignored = _says(self._pairs, path)
        if ignored or folder or self._above is None:
            return ignored
        return _says(zip(self._groups, self._above, strict=True), path)

    def below(self, path: str, *, ignored: bool) -> Level | None:
        if ignored and not any(
            pattern.may_match_below(path) for group in self._groups if group.takes_back for pattern in group.patterns
        ):
            return None
        walked, state = [], False
        for group, matched in self._pairs:
            found = matched or (group.takes_back is state and group.matches(path))
            state = (not group.takes_back) if found else state
            walked.append(found)
        above = self._above
        if above is not None:
            above = [known or group.matches(path) for known, group in zip(above, self._groups, strict=True)]
        return DockerLevel(self._groups, walked, above)


def _says(groups: Iterable[tuple[Group, bool]], path: str) -> bool:
    """Ask one group after the other; with each, whether it matches a folder above the path."""
    ignored = False
    for group, known in groups:
        # Where it could only say again what is so already, it is not asked.
        if group.takes_back is ignored and (known or group.matches(path)):
            ignored = not ignored
    return ignored


class Ignore:
    """What is left out of a context."""

    for_docker = True

    def __init__(self, patterns: Iterable[tuple[Pattern, bool]] = (), source: str | None = None) -> None:
        self.source = source
        runs: list[tuple[bool, list[Pattern]]] = []
        for pattern, takes_back in patterns:
            if not runs or runs[-1][0] is not takes_back:
                runs.append((takes_back, []))
            runs[-1][1].append(pattern)
        self._groups = [Group(run, takes_back=takes_back) for takes_back, run in runs]

    @property
    def takes_back(self) -> bool:
        return any(group.takes_back for group in self._groups)

    def top(self) -> Level:
        nothing = [False] * len(self._groups)
        last = self._groups[-2:]
        leaves_out_again = len(last) == 2 and (last[0].takes_back or len(self._groups) > 2)
        return DockerLevel(self._groups, nothing, nothing if leaves_out_again else None)

    def ignores(self, path: str) -> bool:
        """Whether the path is left out, by itself or with a folder above it."""
        level = self.top()
        at = path.find("/")
        while at > 0:
            # Told "not ignored", it never says that there is nothing below.
            level = level.below(path[:at], ignored=False) or level
            at = path.find("/", at + 1)
        return level.ignores(path, folder=False)


def load(context: Path, dockerfile: str) -> Ignore | None:
    """Read `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore`; they are never merged.

    Raises:
        BuildFailed: it cannot be read.
        ConfigError: a line is no pattern.
    """
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        path = context / name
        if path.is_file():
            try:
                content = path.read_bytes()
            except OSError as e:
                raise BuildFailed(f"{name} cannot be read: {e.strerror}", hint="see its permissions") from e
            return parse(content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"), source=name)
    return None


def parse(text: str, *, source: str = ".dockerignore") -> Ignore:
    """Read the patterns of an ignore file. One that is none, such as `[z-a]`, is a ConfigError with its line."""
    patterns = []
    for number, raw in enumerate(text.split("\n"), start=1):
        if raw.startswith("#"):
            continue
        line = raw.strip(_BLANKS)
        if not line:
            continue
        try:
            if len(raw) > _LINE_BYTES:
                raise ValueError("it is longer than 64 KiB")
            patterns.append(pattern(line))
        except ValueError as error:
            raise ConfigError(
                f'{source}:{number}: "{line[:200]}" is not a pattern: {error}', hint=f"correct {source}"
            ) from error
    return Ignore(patterns, source)


def pattern(line: str) -> tuple[Pattern, bool]:
    """Read one pattern; give, too, whether it takes back.

    Raises:
        ValueError: it is none.
    """
    takes_back = line.startswith("!")
    path = line.removeprefix("!").strip(_BLANKS)
    clean = re.sub("^//", "/", posixpath.normpath(path)) if path else ""
    clean = clean[1:] if len(clean) > 1 and clean.startswith("/") else clean  # the context's root is the root
    if not clean or (clean == "/" and takes_back):
        raise ValueError("nothing stands after the !" if takes_back else "it is empty")
    return Pattern(clean), takes_back
