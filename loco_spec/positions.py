"""Where in a loco.toml each key and value stands. Read only when there is something to point at.

The text is TOML as `tomllib` reads it, but for keys that stand twice (TOML 1.0 forbids them): those are found here, so
that they can be told with both places. Anything else that is not TOML ends the reading where it stands.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

Path = tuple[int | str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?!")', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?!')", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*[^,\]}#\s]")
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\]))')
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


@dataclass(frozen=True)
class Span:
    """Offsets of characters: the first, and the one after the last."""

    start: int
    end: int


@dataclass(frozen=True)
class Duplicate:
    path: Path
    key: Span
    first: Span
    whole: Span
    """What to take away for the rest to be TOML again."""


@dataclass(frozen=True)
class Positions:
    text: str
    keys: Mapping[Path, Span]
    """Of a table: its header's, or what stands for one."""
    values: Mapping[Path, Span]
    duplicates: tuple[Duplicate, ...]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Give line and column of an offset; both begin at 1, columns count characters."""
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1


def read(text: str) -> Positions:
    """Find every key and value."""
    reader = _Reader(text)
    with suppress(_LostError, RecursionError):  # what was found until there is found
        reader.document()
    return Positions(text, reader.keys, reader.values, tuple(reader.duplicates))


class _LostError(Exception):
    """This is not TOML from here on."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.duplicates: list[Duplicate] = []
        self._headers: dict[Path, Span] = {}
        self._arrays: dict[Path, int] = {}
        self._open: Duplicate | None = None

    def document(self) -> None:
        """Read statement after statement."""
        table: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            elif self._open is None:
                self._assignment(table)
            else:
                with self._unheard():  # what stands in a table that goes as a whole is nobody's
                    self._assignment(table)
        self._close(len(self.text))

    def _header(self) -> Path:
        start = self.at
        self._close(start)
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        parts = [part for part, _ in self._key()]
        self._take("]]" if double else "]")
        span = Span(start, self.at)
        if double:
            parent = self._resolved(parts[:-1])
            array = (*parent, parts[-1])
            count = self._arrays.get(array, 0)
            self._arrays[array] = count + 1
            self.keys.setdefault(array, span)
            path: Path = (*array, count)
        else:
            path = self._resolved(parts)
            first = self._headers.get(path) or (self.keys.get(path) if path in self.values else None)
            if first is not None:
                # Its keys go with it: taken alone, the header would leave them to the table before.
                self._open = Duplicate(path, span, first, span)
            self._headers.setdefault(path, span)
        self.keys.setdefault(path, span)
        return path

    def _close(self, end: int) -> None:
        """End the section that stands under a header for the second time."""
        if self._open is not None:
            found = self._open
            self.duplicates.append(Duplicate(found.path, found.key, found.first, Span(found.key.start, end)))
            self._open = None

    def _assignment(self, table: Path, *, before: int | None = None) -> None:
        """Read `key = value`; `before` is where the comma stands that a duplicate in an inline table takes with it."""
        start = self.at
        parts = self._key()
        self._take("=")
        self._skip(_INLINE_BLANK)
        path = table
        for part, span in parts:
            path = (*path, part)
            if len(path) < len(table) + len(parts):
                self.keys.setdefault(path, span)
        key = parts[-1][1]
        twice = self.keys.get(path) if path in self.values or path in self._headers or path in self._arrays else None
        if twice is None:
            self.keys[path] = key
            self.values[path] = self._value(path)
        else:
            with self._unheard():
                self._value(path)
            whole = Span(start if before is None else before, self.at)
            self.duplicates.append(Duplicate(path, key, twice, whole))

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """Read on without keeping what is found."""
        kept = self.keys, self.values, self.duplicates
        self.keys, self.values, self.duplicates = {}, {}, []
        yield
        self.keys, self.values, self.duplicates = kept

    def _key(self) -> list[tuple[str, Span]]:
        """Read a dotted key: each part with its place."""
        parts = []
        while True:
            self._skip(_INLINE_BLANK)
            start = self.at
            if self._matches('"'):
                text = _unescaped(self._pattern(_BASIC)[1:-1])
            elif self._matches("'"):
                text = self._pattern(_LITERAL)[1:-1]
            else:
                text = self._pattern(_BARE_KEY)
            parts.append((text, Span(start, self.at)))
            self._skip(_INLINE_BLANK)
            if not self._matches("."):
                return parts
            self.at += 1

    def _value(self, path: Path) -> Span:
        start = self.at
        if self._matches("["):
            self._array(path)
        elif self._matches("{"):
            self._inline_table(path)
        elif self._matches('"'):
            self._pattern(_LONG_BASIC if self._matches('"""') else _BASIC)
        elif self._matches("'"):
            self._pattern(_LONG_LITERAL if self._matches("'''") else _LITERAL)
        else:
            self._pattern(_SCALAR)
        return Span(start, self.at)

    def _array(self, path: Path) -> None:
        self._take("[")
        index = 0
        while self._skip(_BLANK) < len(self.text) and not self._matches("]"):
            item = (*path, index)
            self.values[item] = self.keys[item] = self._value(item)
            index += 1
            self._skip(_BLANK)
            if self._matches(","):
                self.at += 1
        self._take("]")

    def _inline_table(self, path: Path) -> None:
        self._take("{")
        comma: int | None = None
        while self._skip(_BLANK) < len(self.text) and not self._matches("}"):
            self._assignment(path, before=comma)
            self._skip(_BLANK)
            if self._matches(","):
                comma = self.at
                self.at += 1
        self._take("}")

    def _resolved(self, parts: list[str]) -> Path:
        """A header's path: where a part names an array of tables, its newest table is meant."""
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self._arrays:
                path = (*path, self._arrays[path] - 1)
        return path

    def _matches(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _take(self, text: str) -> None:
        if not self._matches(text):
            raise _LostError
        self.at += len(text)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = self.at if match is None else match.end()
        return self.at

    def _pattern(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        self.at = match.end()
        return match[0]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _ESCAPED[m[3]], text)
