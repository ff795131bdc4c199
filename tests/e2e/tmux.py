"""A real terminal of 80 columns and 24 rows, and what is on it when a command has ended. What moved is gone by then."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.waiting import eventually


class Tmux:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def shown(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], typed: str = "", stop_at: str = ""
    ) -> tuple[int, str]:
        """Run a command; give its exit code and the screen.

        `typed` is answered to the first question; Ctrl-C is pressed when the text `stop_at` is there.
        """
        self._count += 1  # a server that is told to end has not ended yet
        code = self._folder / "code"
        given = [f"{name}={value}" for name, value in {**env, "TERM": "screen"}.items()]
        lines = [
            f"cd {shlex.quote(str(cwd))}",
            shlex.join(["env", "-i", *given, *argv]),
            f"echo $? >{shlex.quote(str(code))}",
            f"tmux -S {shlex.quote(str(self._socket))} wait-for -S ended",
            "sleep 60",
        ]
        script = self._folder / "run.sh"
        script.write_text("trap : INT\n" + "\n".join(lines) + "\n")
        self._tmux("new-session", "-d", "-x", "80", "-y", "24", f"sh {shlex.quote(str(script))}")
        try:
            if typed:
                eventually(lambda: self._screen().rstrip("\n").endswith(":"), within=30)
                self._tmux("send-keys", "-l", typed)
                self._tmux("send-keys", "Enter")
            if stop_at:
                eventually(lambda: stop_at in self._screen(), within=30)
                self._tmux("send-keys", "C-c")
            self._tmux("wait-for", "ended")
            return int(code.read_text()), self._screen()
        finally:
            self._tmux("kill-server")

    @property
    def _socket(self) -> Path:
        return self._folder / f"tmux-{self._count}"

    def _screen(self) -> str:
        """Give all lines, what has left the top of the screen as well, without the empty ones at the end."""
        text = self._tmux("capture-pane", "-p", "-S", "-")
        return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"

    def _tmux(self, *args: str) -> str:
        return subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-S", str(self._socket), *args],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
