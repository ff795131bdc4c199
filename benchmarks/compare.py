"""loco against the raw tools it stands on: each pair in turn in the same run, medians, and their ratio."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker
import httpx

from loco_cli.build import engine as engines
from loco_cli.build.image import Folder, Options
from loco_spec.build import Build
from tests import images
from tests.e2e.stack import HTTPD, QUICK, Stack, httpd

ROUNDS = 5
LARGE = 40
"""Files of ten megabytes in the large context."""


def compare(name: str, ours: Callable[[], None], raw: Callable[[], None] | None) -> None:
    """Run both in turn and print a line."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(seconds(ours))
        if raw is not None:
            theirs.append(seconds(raw))
    a = statistics.median(mine)
    line = f"{name:<58} loco {a:6.2f} s"
    if theirs:
        b = statistics.median(theirs)
        line += f"   raw {b:6.2f} s   ratio {a / b:5.2f}"
    print(line, flush=True)


def seconds(work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def docker_build(folder: Path, tag: str) -> Callable[[], None]:
    """Give what builds with the docker CLI's BuildKit."""
    found = next(
        (
            path
            for part in os.environ["PATH"].split(":")
            if (path := shutil.which("docker", path=part))
            and subprocess.run([path, "buildx", "version"], capture_output=True, check=False).returncode == 0
        ),
        "/usr/bin/docker",
    )

    def build() -> None:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        subprocess.run([found, "build", "-q", "-t", tag, folder], check=True, capture_output=True, env=environment)

    return build


def large(stack: Stack) -> Path:
    folder = stack.app("large", HTTPD.replace("COPY www /www", "COPY . /www"), toml=QUICK)
    for number in range(LARGE):
        (folder / f"data{number}").write_bytes(os.urandom(10_000_000))
    for number in range(10_000):
        path = folder / f"src/{number // 100}/{number}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    return folder


def loco(stack: Stack, *args: str, folder: Path | None = None) -> Callable[[], None]:
    def run() -> None:
        stack.loco(*args, cwd=folder, timeout=600)

    return run


def build_step(folder: Path) -> Callable[[], None]:
    """Give the build step of a deploy alone, in this process: listing, fingerprint, and a build where one is due."""
    engine = engines.connect()

    def run() -> None:
        found = Folder(folder, Build(), Options(args={}))
        found.image(engine, tag="loco-bench/step:latest", say=lambda _: None, working=lambda _: None)

    return run


def main(stack: Stack) -> None:
    os.environ["XDG_CACHE_HOME"] = str(stack.folder / "cache")
    client = docker.DockerClient(base_url="unix:///var/run/docker.sock", version="auto")
    images.base_image(client)
    stack.start()
    stack.loco("login")

    print(f"{ROUNDS} rounds each, medians; loco's times are whole processes", flush=True)
    folder = httpd(stack, "hello")
    build = docker_build(folder, "loco-bench/hello")
    count = iter(range(10**6))

    def change() -> None:
        (folder / "www/index.html").write_text(str(next(count)))

    def raw() -> None:
        change()
        build()
        container = client.containers.run("loco-bench/hello", detach=True)
        container.reload()
        address = container.attrs["NetworkSettings"]["IPAddress"]
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport) as web:
            web.get(f"http://{address}:8080/").raise_for_status()
        container.remove(force=True)

    def ours() -> None:
        change()
        stack.loco("deploy", cwd=folder)

    compare("a changed file: deploy / docker build, run, first answer", ours, raw)
    compare("nothing changed: deploy / docker build", loco(stack, "deploy", folder=folder), build)
    compare("redeploy", loco(stack, "redeploy", folder=folder), None)

    folder_large = large(stack)
    loco(stack, "deploy", folder=folder_large)()
    build_large = docker_build(folder_large, "loco-bench/large")
    build_large()
    compare(
        f"nothing changed in {LARGE * 10} MB, 10,000 files: deploy / build",
        loco(stack, "deploy", folder=folder_large),
        build_large,
    )
    step = build_step(folder_large)
    step()
    compare(f"nothing changed in {LARGE * 10} MB, 10,000 files: build step / build", step, build_large)

    def changed(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            (folder_large / "src/0/0.js").write_text(str(next(count)))
            work()

        return run

    compare(
        f"one file changed in {LARGE * 10} MB, 10,000 files: build step / build",
        changed(step),
        changed(build_large),
    )
    client.images.remove("loco-bench/step:latest", force=True)
    compare("loco --help / python -c pass", loco(stack, "--help"), bare)
    for tag in ("loco-bench/hello", "loco-bench/large"):
        client.images.remove(tag, force=True)
    client.close()


def bare() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


if __name__ == "__main__":
    platform = Stack()
    try:
        main(platform)
    finally:
        platform.remove()
