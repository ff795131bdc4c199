"""The plain text of a build, for the server to keep with the deployment: its newest lines, without known secrets."""

from collections import deque
from collections.abc import Iterable

from loco_spec.api import BUILD_LOG_BYTES

_SHORTEST_SECRET = 6
"""Shorter values are ordinary words somewhere in every log: hiding them would tell more than it hides."""
_HIDDEN = "***"
_CUT = "(older lines were cut)"


class BuildLog:
    """Lines of text up to a size; the oldest go.

    Args:
        hidden: values to replace by stars, each of their lines for itself.
        most: bytes that are kept.
    """

    def __init__(self, *, hidden: Iterable[str] = (), most: int = BUILD_LOG_BYTES) -> None:
        values = {line.strip() for value in hidden for line in value.splitlines()}
        # The longest first: one value may be a part of another.
        self._hidden = sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._most = most - len(_CUT) - 1
        self._lines: deque[str] = deque()
        self._size = 0
        self._cut = False

    def hide(self, text: str) -> str:
        """Give the text as it may be kept and shown."""
        for value in self._hidden:
            text = text.replace(value, _HIDDEN)
        return text

    def add(self, text: str) -> None:
        for line in self.hide(text).splitlines():
            self._lines.append(line)
            self._size += _size(line)
        while self._size > self._most:
            self._size -= _size(self._lines.popleft())
            self._cut = True

    @property
    def text(self) -> str:
        """Give all of it; empty when there was no build."""
        lines = [_CUT, *self._lines] if self._cut else self._lines
        return "".join(f"{line}\n" for line in lines)


def _size(line: str) -> int:
    return len(line.encode(errors="replace")) + 1
