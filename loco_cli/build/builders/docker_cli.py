"""The BuildKit that the docker CLI had built in before version 23: sends what changed only, holds a session."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from loco_cli.build.builders import plain, process
from loco_cli.build.builders.base import Recipe, failure, finished
from loco_cli.build.builders.context import sent
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress

_BUILT_IN_BEFORE = 23
_WORDS = 60
"""So many last lines are kept to tell why it failed."""


class DockerCli:
    name = "docker"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._path = ""

    def missing(self) -> str:
        if self._engine.is_podman:
            return "Podman has no BuildKit"
        self._path = next(filter(_built_in, on_path()), "")
        return "" if self._path else "no docker CLI before version 23 is on PATH; newer ones have BuildKit in buildx"

    def lacks(self, recipe: Recipe) -> str:
        del recipe
        return ""

    def build(self, recipe: Recipe, progress: Progress) -> str:
        command = [self._path, "build", "--progress=plain"]
        recipe = replace(recipe, as_archive=recipe.as_archive or recipe.takes_back)
        return build(self._engine, command, recipe, progress, lambda line: plain.read(line, progress))


def build(
    engine: Engine, command: Sequence[str], recipe: Recipe, progress: Progress, read: Callable[[str], object]
) -> str:
    """Run a docker CLI's build; give the image's id. `read` is given each line.

    Raises:
        BuildFailed, EngineUnavailable.
    """
    said: list[str] = []

    def line(text: str) -> None:
        said.append(text)
        del said[:-_WORDS]
        read(text)

    with tempfile.TemporaryDirectory(prefix="loco-build-") as folder:
        image = Path(folder) / "image"
        code = process.run(
            [*command, *options(recipe, image)],
            env={**hidden(recipe.args), **os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_COLORS": ""},
            stdin=sent(recipe, progress) if recipe.as_archive else None,
            line=line,
        )
        if code == 0:
            return finished(engine, recipe, image.read_text(encoding="ascii").strip())
    raise failure(engine, progress, plain.reason(said))


def options(recipe: Recipe, image: Path) -> list[str]:
    """Give the command line's rest. Values of build arguments stand in the environment: nobody else reads it."""
    dockerfile = recipe.dockerfile if recipe.as_archive else recipe.context / recipe.dockerfile
    found = [f"--iidfile={image}", f"--file={dockerfile}", f"--tag={recipe.tag}"]
    found += [f"--target={recipe.target}"] if recipe.target else []
    found += [f"--platform={recipe.platform}"] if recipe.platform else []
    kept_back = hidden(recipe.args)
    found += [
        f"--build-arg={name}" if name in kept_back else f"--build-arg={name}={recipe.args[name]}"
        for name in recipe.args
    ]
    found += [f"--secret={secret.option()}" for secret in recipe.secrets]
    found += ["--no-cache"] if recipe.no_cache else []
    found += ["--pull"] if recipe.pull else []
    return [*found, "-" if recipe.as_archive else str(recipe.context)]


def hidden(args: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments whose values can go through the environment: all whose names mean nothing in it already."""
    return {name: value for name, value in args.items() if name not in os.environ and not name.startswith("DOCKER")}


def on_path() -> list[str]:
    """Give the docker CLIs that there are; a `docker` that is Podman under another name is none."""
    found: dict[str, str] = {}
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path is not None:  # /bin is /usr/bin, on most systems: one program is asked once
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def ask_ahead() -> None:
    """Begin to ask every docker CLI what it can: each takes a moment to say so, and meanwhile there is other work."""
    for path in on_path():
        for command in ((path, "buildx", "version"), (path, "--version")):
            _BEGUN[command] = _Asking(command)


def ask(*command: str) -> str:
    """Give what a command says; nothing when it fails."""
    begun = _BEGUN.pop(command, None)
    if begun is None:
        return _ask(command)
    begun.join()
    return begun.said


class _Asking(threading.Thread):
    def __init__(self, command: tuple[str, ...]) -> None:
        super().__init__(daemon=True)  # of a builder further down nobody may want to know
        self.said = ""
        self._command = command
        self.start()

    def run(self) -> None:
        self.said = _ask(self._command)


_BEGUN: dict[tuple[str, ...], _Asking] = {}


def _ask(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _built_in(path: str) -> bool:
    version = re.match(r"Docker version (\d+)\.", ask(path, "--version"))
    return version is not None and int(version[1]) < _BUILT_IN_BEFORE
