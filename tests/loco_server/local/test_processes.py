import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from loco_server.local.processes import (
    ProcessDiedError,
    Program,
    Supervised,
    recorded,
    start_time,
    stop_recorded,
)
from tests.waiting import eventually, eventually_async

SLEEPER = "import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def program(folder: Path, configuration: str = "a", code: str = SLEEPER) -> Program:
    return Program("sleeper", (sys.executable, "-c", code, str(folder / "ready")), configuration=configuration)


def supervised(folder: Path, made: Callable[[], Program], said: list[str], ready_seconds: float = 10) -> Supervised:
    async def ready() -> bool:
        return (folder / "ready").exists()

    return Supervised(
        made, run_dir=folder, log_dir=folder / "log", ready=ready, say=said.append, ready_seconds=ready_seconds
    )


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    yield tmp_path
    stop_recorded(tmp_path, "sleeper")


def alive(pid: int | None) -> bool:
    return pid is not None and start_time(pid) is not None


def start_in_a_server_that_is_killed(folder: Path) -> int:
    """Start the sleeper from another process, kill that one with SIGKILL, give the sleeper's pid."""
    server = textwrap.dedent(f"""
        import asyncio, os, signal
        from pathlib import Path
        from tests.loco_server.local.test_processes import program, supervised
        folder = Path({str(folder)!r})
        asyncio.run(supervised(folder, lambda: program(folder), []).start())
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", server], check=False).returncode == -signal.SIGKILL
    running = recorded(folder, "sleeper")
    assert running is not None
    assert running.is_alive()
    return running.pid


@pytest.mark.anyio
async def test_starts_in_a_session_of_its_own_and_stops_without_leaving_anything(folder: Path) -> None:
    child = supervised(folder, lambda: program(folder), [])
    assert await child.start() is False
    pid = child.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    await child.stop()
    assert not alive(pid)
    assert recorded(folder, "sleeper") is None


@pytest.mark.anyio
async def test_a_restarted_server_adopts_what_matches(folder: Path) -> None:
    pid = start_in_a_server_that_is_killed(folder)
    child = supervised(folder, lambda: program(folder), [])
    assert await child.start() is True
    assert child.pid == pid
    await child.stop()
    assert not alive(pid)


@pytest.mark.anyio
async def test_another_configuration_is_started_anew(folder: Path) -> None:
    pid = start_in_a_server_that_is_killed(folder)
    child = supervised(folder, lambda: program(folder, configuration="b"), [])
    assert await child.start() is False
    assert not alive(pid)
    assert child.pid != pid
    await child.stop()


@pytest.mark.anyio
async def test_a_process_that_only_has_the_same_pid_is_left_alone(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:  # noqa: ASYNC220
        hash_ = program(folder).hash()
        (folder / "sleeper.json").write_text(json.dumps({"pid": stranger.pid, "started": 1, "hash": hash_}))
        child = supervised(folder, lambda: program(folder), [])
        assert await child.start() is False
        assert alive(stranger.pid)
        await child.stop()
        assert alive(stranger.pid)
        stranger.kill()


@pytest.mark.anyio
async def test_a_killed_one_is_back_within_two_seconds_and_that_is_said(folder: Path) -> None:
    said: list[str] = []
    child = supervised(folder, lambda: program(folder), said)
    await child.start()
    watch = asyncio.create_task(child.watch())
    for count in range(1, 5):  # however often
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await _comes_back(child, first)
        await _has_lines(said, count)
    assert said[0].startswith("sleeper was killed by SIGKILL; it was started again within")
    await _end(watch)
    await child.stop()


@pytest.mark.anyio
async def test_an_adopted_one_is_watched_too(folder: Path) -> None:
    pid = start_in_a_server_that_is_killed(folder)
    said: list[str] = []
    child = supervised(folder, lambda: program(folder), said)
    await child.start()
    watch = asyncio.create_task(child.watch())
    os.kill(pid, signal.SIGKILL)
    await eventually_async(lambda: _is_true(child.pid not in {None, pid}), within=2)
    await _end(watch)
    await child.stop()


@pytest.mark.anyio
async def test_one_that_dies_at_once_says_its_last_lines(folder: Path) -> None:
    code = "import sys; print('cannot listen', file=sys.stderr); sys.exit(3)"
    child = supervised(folder, lambda: program(folder, code=code), [])
    with pytest.raises(ProcessDiedError, match=r"sleeper ended with exit code 3\n  cannot listen"):
        await child.start()


@pytest.mark.anyio
async def test_one_that_never_answers_is_not_left_behind(folder: Path) -> None:
    child = supervised(folder, lambda: program(folder, code="import time; time.sleep(600)"), [], ready_seconds=0.3)
    with pytest.raises(ProcessDiedError, match="did not answer"):
        await child.start()
    assert recorded(folder, "sleeper") is None


@pytest.mark.anyio
async def test_one_that_keeps_dying_is_tried_again_with_pauses_until_it_runs(folder: Path) -> None:
    said: list[str] = []
    broken = folder / "broken"
    code = f"import pathlib, sys; sys.exit(4) if pathlib.Path({str(broken)!r}).exists() else None; {SLEEPER}"
    child = supervised(folder, lambda: program(folder, code=code), said)
    await child.start()
    broken.touch()
    (folder / "ready").unlink()
    watch = asyncio.create_task(child.watch())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await eventually_async(lambda: _is_true(len(said) >= 2))
    assert all("cannot be started: sleeper ended with exit code 4" in line for line in said)
    broken.unlink()
    await eventually_async(lambda: _is_true(child.pid is not None and "started again" in said[-1]))
    await _end(watch)
    await child.stop()


def test_what_a_dead_server_left_is_stopped_from_another_process(tmp_path: Path) -> None:
    pid = start_in_a_server_that_is_killed(tmp_path)
    assert stop_recorded(tmp_path, "sleeper") is True
    assert not alive(pid)
    assert stop_recorded(tmp_path, "sleeper") is False


def test_one_whose_pid_was_never_written_down_is_found_and_stopped(tmp_path: Path) -> None:
    pid = start_in_a_server_that_is_killed(tmp_path)
    (tmp_path / "sleeper.json").unlink()
    assert stop_recorded(tmp_path, "sleeper") is True
    assert not alive(pid)


@pytest.mark.anyio
async def test_one_that_ignores_sigterm_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loco_server.local.processes._TERM_SECONDS", 0.2)
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    child = supervised(folder, lambda: program(folder, code=stubborn), [])
    await child.start()
    pid = child.pid
    await child.stop()
    assert not alive(pid)


@pytest.mark.anyio
async def test_the_log_of_the_run_before_is_kept_once(folder: Path) -> None:
    code = f"import os; print('run', os.getpid(), flush=True); {SLEEPER}"
    child = supervised(folder, lambda: program(folder, code=code), [])
    await child.start()
    first = child.pid
    await child.restart()
    assert (folder / "log" / "sleeper.log.1").read_text() == f"run {first}\n"
    eventually(lambda: (folder / "log" / "sleeper.log").read_text() == f"run {child.pid}\n")
    await child.stop()


def test_a_zombie_and_a_stranger_count_as_gone() -> None:
    with subprocess.Popen(["true"]) as ended:
        eventually(lambda: start_time(ended.pid) is None)
    assert start_time(2**22 + 1) is None


async def _comes_back(child: Supervised, killed: int) -> None:
    await eventually_async(lambda: _is_true(child.pid not in {None, killed}), within=2)


async def _has_lines(said: list[str], count: int) -> None:
    await eventually_async(lambda: _is_true(len(said) == count))


async def _is_true(answer: bool) -> bool:
    return answer


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
