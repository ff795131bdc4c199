"""The docker CLI's BuildKit: sends what changed only, knows the registries that the person is signed in to.

buildx brings BuildKit with it; a CLI before version 23 has it built in. A newer one without buildx cannot build so.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loco_cli.build.builders.base import Recipe, failure
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress
from loco_spec.errors import EngineUnavailable

_STEP = re.compile(r"#(?P<key>\d+) (?P<rest>.*)")
_DONE = re.compile(r"DONE (?P<seconds>[\d.]+)s")
_OUTPUT = re.compile(r"(?P<seconds>\d+\.\d+) (?P<text>.*)")
_BUILT_IN_BEFORE = 23


@dataclass(frozen=True)
class Cli:
    path: str
    buildx: bool


class DockerCli:
    name = "docker"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cli: Cli | None = None

    def usable(self) -> bool:
        self._cli = next(filter(None, map(_able, _on_path())), None)
        return self._cli is not None

    def build(self, recipe: Recipe, progress: Progress) -> str:
        assert self._cli is not None or self.usable()  # noqa: S101  asked before
        with tempfile.TemporaryDirectory(prefix="loco-build-") as folder:
            image = Path(folder) / "image"
            # In a group of its own: a Ctrl-C is ours to handle, and takes the builder with it.
            process = subprocess.Popen(
                argv(self._cli, recipe, image),  # type: ignore[arg-type]
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**hidden(recipe.args), **os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_COLORS": ""},
                start_new_session=True,
            )
            try:
                said = _read(process, progress)
                code = process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
                if process.stdout is not None:
                    process.stdout.close()
            if code == 0:
                return image.read_text(encoding="ascii").strip()
        message = _reason(said)
        if not self._engine.answers():
            raise EngineUnavailable(
                f"the container engine went away during the build: {message}", hint="start it again, then: loco deploy"
            )
        raise failure(progress, message)


def argv(cli: Cli, recipe: Recipe, image: Path) -> list[str]:
    """Give the command line. Values of build arguments stand in the environment, where nobody else can read them."""
    found = [cli.path, *(["buildx"] if cli.buildx else []), "build", "--progress=plain", f"--iidfile={image}"]
    if cli.buildx:
        found += ["--load", "--provenance=false"]
    found += [f"--file={recipe.context / recipe.dockerfile}", f"--tag={recipe.tag}"]
    found += [f"--target={recipe.target}"] if recipe.target else []
    found += [f"--platform={recipe.platform}"] if recipe.platform else []
    kept_back = hidden(recipe.args)
    found += [
        f"--build-arg={name}" if name in kept_back else f"--build-arg={name}={recipe.args[name]}"
        for name in recipe.args
    ]
    found += ["--no-cache"] if recipe.no_cache else []
    found += ["--pull"] if recipe.pull else []
    return [*found, str(recipe.context)]


def hidden(args: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments whose values can go through the environment: all whose names mean nothing in it already."""
    return {name: value for name, value in args.items() if name not in os.environ and not name.startswith("DOCKER")}


def _read(process: subprocess.Popen[str], progress: Progress) -> list[str]:
    """Follow the plain progress: `#5 [2/4] RUN make`, `#5 0.31 text`, `#5 CACHED`, `#5 DONE 0.4s`, `#5 ERROR: …`."""
    said: list[str] = []
    assert process.stdout is not None  # noqa: S101  a pipe was asked for
    for raw in process.stdout:
        line = raw.rstrip()
        said.append(line)
        del said[:-60]
        read_line(line, progress)
    return said


def read_line(line: str, progress: Progress) -> None:
    match = _STEP.fullmatch(line)
    if match is None:
        return
    key, rest = match["key"], match["rest"]
    if rest == "CACHED":
        progress.end(key, "cached")
    elif done := _DONE.fullmatch(rest):
        progress.end(key, "done", seconds=float(done["seconds"]))
    elif rest.startswith("ERROR: "):
        progress.end(key, "failed", error=rest.removeprefix("ERROR: "))
    elif output := _OUTPUT.fullmatch(rest):
        progress.step(key).say(output["text"])
    elif not rest.startswith("sha256:"):
        progress.step(key, rest)


def _reason(said: list[str]) -> str:
    """Give the last thing that the CLI said about the failure."""
    for line in reversed(said):
        text = line.strip()
        if text and not text.startswith(("------", ">", "#")):
            return text.removeprefix("ERROR: ")
    return "the docker CLI gave no reason"


def _on_path() -> list[str]:
    found = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path is not None and path not in found:
            found.append(path)
    return found


def _able(path: str) -> Cli | None:
    if _run(path, "buildx", "version") is not None:
        return Cli(path, buildx=True)
    version = re.search(r"version (\d+)\.", _run(path, "--version") or "")
    return Cli(path, buildx=False) if version is not None and int(version[1]) < _BUILT_IN_BEFORE else None


def _run(*command: str) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
