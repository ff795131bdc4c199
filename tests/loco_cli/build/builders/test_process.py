import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loco_cli.build.builders import process
from loco_spec.errors import BuildFailed
from tests.contract.builders import running
from tests.waiting import eventually


def run(script: str, *, stdin: Iterator[bytes] | None = None, line: object = None) -> tuple[int, list[str]]:
    """Run a shell's script; give exit code and lines."""
    said: list[str] = []
    code = process.run(["sh", "-c", script], env=dict(os.environ), stdin=stdin, line=line or said.append)  # type: ignore[arg-type]
    return code, said


def test_lines_of_both_outputs_and_the_exit_code_are_given() -> None:
    assert run("echo one; echo two >&2; printf 'no end'; exit 3") == (3, ["one", "two", "no end"])


def test_bytes_that_are_no_text_and_long_lines_do_not_stop_it() -> None:
    code, said = run(r"printf 'bad \377\n'; head -c 300000 /dev/zero | tr '\0' x")
    assert (code, said[0], len(said[1])) == (0, "bad \N{REPLACEMENT CHARACTER}", 300_000)


def test_the_input_is_fed_while_the_output_is_read() -> None:
    pieces = (b"x" * 65_536 for _ in range(50))
    code, said = run("tr x y | tr y '\\n' | head -c 100000 | wc -c; cat >/dev/null", stdin=pieces)
    assert (code, said) == (0, ["100000"])


def test_a_process_that_reads_no_further_ends_with_its_own_code() -> None:
    pieces = (b"x" * 65_536 for _ in range(200))
    assert run("head -c 10 >/dev/null; echo enough; exit 4", stdin=pieces) == (4, ["enough"])


def test_input_that_fails_kills_the_process_before_it_takes_the_end_for_the_end(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise BuildFailed("a file went away")

    with pytest.raises(BuildFailed, match="went away"):
        run(f"cat >/dev/null; touch {tmp_path}/complete", stdin=pieces())
    assert not (tmp_path / "complete").exists()


@pytest.mark.parametrize("stubborn", [False, True])
def test_an_interrupt_takes_the_process_and_its_children_along(
    *, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.3)
    mark = f"4{os.getpid()}"
    threads = threading.active_count()

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    trap = "trap '' TERM; " if stubborn else ""
    endless = iter(lambda: b"x" * 1000, b"")
    with pytest.raises(KeyboardInterrupt):
        run(f"{trap}sh -c '{trap}sleep {mark}; :' & echo begun; cat >/dev/null; wait", stdin=endless, line=interrupt)
    eventually(lambda: not running(f"sleep {mark}"))  # killed is not yet gone
    assert threading.active_count() == threads


def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(FileNotFoundError):
        process.run([f"{sys.prefix}/nothing"], env={}, stdin=None, line=print)
