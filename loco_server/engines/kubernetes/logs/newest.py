"""The newest lines, up to a number and a size."""

from collections import deque

from loco_server.engines.log_lines import Mark, Marked

LINE_COST = 100
"""Bytes that a line takes besides its text."""


def cost(line: Marked) -> int:
    return len(line.line.text) + LINE_COST


class Newest:
    def __init__(self, lines: int, size: int) -> None:
        self.lines: deque[Marked] = deque()
        self.dropped: dict[str, Mark] = {}
        """By instance: the last line that had no room."""
        self._lines = lines
        self._bytes = size
        self._size = 0

    def add(self, line: Marked) -> None:
        self.lines.append(line)
        self._size += cost(line)
        while len(self.lines) > self._lines or (self._size > self._bytes and len(self.lines) > 1):
            old = self.lines.popleft()
            self._size -= cost(old)
            self.dropped[old.line.instance] = old.mark
