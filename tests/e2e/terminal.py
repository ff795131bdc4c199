"""A command at a real terminal: it is typed to, made larger, and read."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.waiting import eventually


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int) -> None:
        self.process = process
        self._master = master
        self._slave = slave
        self._said = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return self._said.decode(errors="replace")

    @property
    def mode(self) -> Any:
        """How the terminal treats what is typed: raw, or in lines."""
        return termios.tcgetattr(self._slave)[:4]

    def shows(self, text: str, *, within: float = 20) -> None:
        eventually(lambda: text in self.said, within=within)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make it so large; the kernel tells whoever is at it."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ended(self, *, within: float = 20) -> int:
        return self.process.wait(timeout=within)

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._master, 1 << 16):
                self._said += data


@contextmanager
def at_a_terminal(
    argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Run a command at a terminal of its own. Killed at the end of the block."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        # The leader of a session takes its stdin for its terminal.
        ["setsid", "--ctty", "--wait", *map(str, argv)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**env, "TERM": "xterm"},
    )
    terminal = Terminal(process, master, slave)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
