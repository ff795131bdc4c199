"""A builder as a process: its output line by line, its input fed beside it, and nothing of it left behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from loco_spec.errors import LocoError

_GRACE_SECONDS = 5.0
"""For so long a builder may tidy up after SIGTERM; then it is killed."""


def run(
    argv: Sequence[str], *, env: Mapping[str, str], stdin: Iterator[bytes] | None, line: Callable[[str], None]
) -> int:
    """Run to the end; give the exit code. Whatever raises meanwhile (a Ctrl-C, the input) ends the process first.

    Args:
        argv: the command.
        env: its whole environment.
        stdin: what it reads; None: nothing.
        line: called with each line of stdout and stderr.
    """
    # In a group of its own: a Ctrl-C is ours to handle, and takes the builder and its plugins with it.
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )
    feeder = None if stdin is None else _Feeder(process, stdin)
    try:
        assert process.stdout is not None  # noqa: S101  a pipe was asked for
        for raw in process.stdout:
            line(raw.decode(errors="replace").rstrip())
        code = process.wait()
    finally:
        _end(process)
        if feeder is not None:
            feeder.join(_GRACE_SECONDS)  # at once, unless something that outlived the process still holds its input
    if feeder is not None and feeder.failed is not None:
        raise feeder.failed
    return code


class _Feeder(threading.Thread):
    """Writes the input while the output is read: one of both alone would fill a pipe and stand still."""

    def __init__(self, process: subprocess.Popen[bytes], pieces: Iterator[bytes]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._pieces = pieces
        self.failed: LocoError | None = None
        self.start()

    def run(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101  a pipe was asked for
        try:
            for piece in self._pieces:
                pipe.write(piece)
        except OSError:
            pass  # it reads no more: its exit code and its words tell why
        except LocoError as e:
            # Half a context must not become an image: killed before its input ends, which it would take for the end
            # of the context.
            self.failed = e
            _signal(self._process, signal.SIGKILL)
        finally:
            with suppress(OSError):
                pipe.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
