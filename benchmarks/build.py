"""The build step of a large folder beside the docker CLI's BuildKit, where nothing changed and where little did."""

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from benchmarks.measured import Row
from benchmarks.parts import BASE, docker_cli, engine
from benchmarks.timing import Work, compared, process
from loco_cli.build import engine as engines
from loco_cli.build.image import Folder, Options
from loco_spec.build import Build

LARGE, FILES = 40, 10_000
"""Files of ten megabytes, and small ones."""
TAGS = ("loco-bench/large:latest", "loco-bench/step:latest")


def measure() -> Iterator[Row]:
    client, cli, numbers = engine(), docker_cli(), count()
    with tempfile.TemporaryDirectory(prefix="loco-bench-") as name:
        root = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        folder = large(root / "large")
        raw = process(cli, "build", "-q", "-t", TAGS[0], folder, env={**os.environ, "DOCKER_BUILDKIT": "1"})
        ours = step(folder)

        def changed(work: Work) -> Callable[[], None]:
            def run() -> None:
                (folder / "src/0/0.js").write_text(str(next(numbers)))
                work()

            return run

        what = f"{LARGE * 10} MB, {FILES:,} files"
        try:
            for each in (ours, raw):
                each()
            yield compared(f"nothing changed in {what}: build step / docker build", ours, raw, limit=1.0)
            yield compared(f"a file changed in {what}: build step / build", changed(ours), changed(raw), limit=1.3)
        finally:
            for tag in TAGS:
                client.images.remove(tag, force=True)
            client.close()


def large(folder: Path) -> Path:
    for number in range(FILES):
        path = folder / f"src/{number // 100}/{number}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    for number in range(LARGE):
        (folder / f"data{number}").write_bytes(os.urandom(10_000_000))
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /www\nUSER 10001\n")
    return folder


def step(folder: Path) -> Work:
    """Give the build step of a deploy alone, in this process: listing, fingerprint, and a build where one is due."""
    connected = engines.connect()

    def run() -> None:
        found = Folder(folder, Build(), Options(args={}))
        found.image(connected, tag=TAGS[1], say=lambda _: None, working=lambda _: None)

    return run
