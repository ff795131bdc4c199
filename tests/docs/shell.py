"""A shell that stays: what one snippet of a page leaves behind is there for the next one."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Shell:
    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="loco-page-"))
        self._code = 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )

    def type(self, text: str, *, within: float = 180) -> tuple[int, str]:
        """Run it as it stands, `$?` being what it was; give the exit code of what failed, and all that was said.

        Of several commands any that fails counts, not the last one alone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        script, said = self._scratch / "script", self._scratch / "said"
        script.write_text(f"{text}\n")
        timer = threading.Timer(within, self._kill)
        timer.start()
        # The command that brings `$?` back fails itself, where that is not 0: the first failure is passed over then.
        print(
            f"failed=0 over={self._code}; trap 'e=$?; [ $over != 0 ] || failed=$e; over=0' ERR; (exit {self._code})",
            f". '{script}' </dev/null >'{said}' 2>&1",
            "code=$?; trap - ERR; [ $failed = 0 ] || code=$failed; echo $code",
            sep="\n",
            file=self._process.stdin,
            flush=True,
        )
        code = self._process.stdout.readline().strip()
        timer.cancel()
        output = said.read_text()
        assert code, f"it did not end within {within:.0f} s:\n{text}\n{output}"
        self._code = int(code)
        return self._code, output

    @property
    def folder(self) -> Path:
        """Where it stands now."""
        return Path(f"/proc/{self._process.pid}/cwd").readlink()

    def end(self) -> None:
        """End it, and what it has left running."""
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        shutil.rmtree(self._scratch)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
