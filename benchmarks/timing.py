"""Times of what is done in turn: ours, the raw tool's, ours, …, so that whatever else the machine does hits both."""

import gc
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks.measured import Measured

Work = Callable[[], object]


def seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Call each way in each round, in the other order in every second one; give the medians of what they gave."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            found[name].append(ways[name]())
    return {name: median(each) for name, each in found.items()}


def compared(
    name: str, ours: Work, raw: Work | None = None, *, rounds: int = 5, limit: float | None = None, note: str = ""
) -> Measured:
    """Time both, in turn."""
    ways = {"ours": ours} if raw is None else {"ours": ours, "raw": raw}
    times = in_turn({each: lambda work=work: seconds(work) for each, work in ways.items()}, rounds)  # type: ignore[misc]
    return Measured(name, times["ours"], times.get("raw"), limit, note=note)


def process(*argv: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Work:
    """Give what runs a process to its end; that it fails is a fault of the benchmark, with what it said."""

    def run() -> None:
        done = subprocess.run(
            argv, cwd=cwd, env=env or os.environ, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 0, (argv, done.stdout, done.stderr)

    return run
