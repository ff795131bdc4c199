"""Reading a build context beside `tar -c` over the same list: time, memory, and what ignored files cost."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measured import Measured, Row
from benchmarks.timing import in_turn
from loco_cli.build import archive, files
from loco_cli.build.fingerprint import Memories

FILES, BYTES = 100_000, 10_000
IGNORED = 40_000
ROUNDS = 5
ARCHIVE_LIMIT, IGNORED_LIMIT = 1.5, 1.2


def fill(folder: Path, count: int, content: bytes) -> None:
    """Write files, fifty to a folder."""
    for number in range(count):
        place = folder / f"{number // 1000}" / f"{number // 50 % 20}"
        if number % 50 == 0:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"file{number}.js").write_bytes(number.to_bytes(8, "big") + content)


def listing(context: Path) -> files.Listing:
    return files.listing(context, files.rules(context, "Dockerfile"), "Dockerfile")


def child(what: str, context: Path) -> None:
    """Do one thing, and end the error output with its seconds and the process's peak memory in megabytes."""
    started = time.monotonic()
    listed_ns = time.time_ns()
    found = listing(context).entries
    if what == "archive":
        started = time.monotonic()  # tar is given its list too
        for piece in archive.stream(context, found):
            os.write(1, piece)
    elif what == "fingerprint":
        Memories({}).fingerprint(context, found, listed_ns=listed_ns)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{seconds} {peak}", file=sys.stderr)


def ours(what: str, context: Path, cache: Path) -> Callable[[], tuple[float, float]]:
    """Give what runs it in a process of its own, writing to a pipe as a builder would be sent it."""

    def run() -> tuple[float, float]:
        argv = [sys.executable, "-m", "benchmarks.context", what, str(context)]
        said = piped(argv, {**os.environ, "XDG_CACHE_HOME": str(cache)})
        seconds, peak = said.split()[-2:]
        return float(seconds), float(peak)

    return run


def tar(context: Path, names: Path) -> Callable[[], tuple[float, float]]:
    def run() -> tuple[float, float]:
        started = time.monotonic()
        piped(["tar", "-C", str(context), "--no-recursion", "--null", "-T", str(names), "-c"], dict(os.environ))
        return time.monotonic() - started, 0.0

    return run


def piped(argv: list[str], environment: dict[str, str]) -> str:
    """Run with a reader at the end of a pipe; give the error output."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate()
    reader.wait()
    assert process.returncode == 0, said.decode()
    return said.decode()


def compared(
    name: str,
    mine: Callable[[], tuple[float, float]],
    theirs: Callable[[], tuple[float, float]] | None = None,
    *,
    limit: float | None = None,
) -> Measured:
    """Run both in turn."""
    peaks: list[float] = []

    def ours() -> float:
        seconds, peak = mine()
        peaks.append(peak)
        return seconds

    ways = {"ours": ours} | ({} if theirs is None else {"raw": lambda: theirs()[0]})
    times = in_turn(ways, ROUNDS)
    return Measured(name, times["ours"], times.get("raw"), limit, note=f"peak {max(peaks):.0f} MB")


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="loco-bench-") as folder:
        yield from _measured(Path(folder))


def _measured(root: Path) -> Iterator[Row]:
    context, cache = root / "context", root / "cache"
    content = os.urandom(BYTES - 8)
    context.mkdir()
    fill(context / "src", FILES, content)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / ".dockerignore").write_text("node_modules\n**/*.pyc\n.git\n!keep/me\n")
    names = root / "names"
    names.write_bytes(b"\0".join(os.fsencode(entry.path) for entry in listing(context).entries))

    many = f"{FILES:,} files of {BYTES // 1000} kB"
    yield compared(
        f"archive of {many} / tar -c of the same list",
        ours("archive", context, cache),
        tar(context, names),
        limit=ARCHIVE_LIMIT,
    )
    yield compared(f"list of {many}", ours("list", context, cache))
    ours("fingerprint", context, cache)()
    # What was written just before the first listing is read once more, at the second.
    time.sleep(2)
    ours("fingerprint", context, cache)()
    yield compared("list and fingerprint, nothing changed", ours("fingerprint", context, cache))
    for name, kept in (("list", context), ("list, by .gitignore,", root / "git")):
        if kept != context:
            context.rename(kept)
            (kept / ".dockerignore").rename(kept / ".gitignore")
        more = root / "more"
        subprocess.run(["cp", "-al", kept, more], check=True)
        fill(more / "node_modules", IGNORED, b"x")
        yield compared(
            f"{name} with {IGNORED:,} ignored files / without them",
            ours("list", more, cache),
            ours("list", kept, cache),
            limit=IGNORED_LIMIT,
        )
        shutil.rmtree(more)


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2]))
