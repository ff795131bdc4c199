"""buildx: BuildKit as today's docker CLI has it. Sends what changed only, holds a session, tells its steps as JSON."""

import re

from loco_cli.build.builders import plain, rawjson
from loco_cli.build.builders.base import Recipe
from loco_cli.build.builders.docker_cli import ask, build, on_path
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress

_RAWJSON_SINCE = (0, 13)


class Buildx:
    name = "buildx"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._path = ""
        self._rawjson = False

    def missing(self) -> str:
        if self._engine.is_podman:
            return "Podman has no BuildKit"
        for path in on_path():
            # Podman answers to `buildx version`, too, with a version of its own.
            version = re.search(r"docker/buildx v?(\d+)\.(\d+)", ask(path, "buildx", "version"))
            if version is not None:
                self._path = path
                self._rawjson = (int(version[1]), int(version[2])) >= _RAWJSON_SINCE
                return ""
        return "no docker CLI with buildx is on PATH"

    def lacks(self, recipe: Recipe) -> str:
        del recipe
        return ""

    def build(self, recipe: Recipe, progress: Progress) -> str:
        def read(line: str) -> None:
            if not self._rawjson or not rawjson.read(line, progress):
                plain.read(line, progress)

        how = "rawjson" if self._rawjson else "plain"
        # --load: a builder in a container keeps its images to itself. No provenance: it makes an index of the image.
        command = [self._path, "buildx", "build", f"--progress={how}", "--load", "--provenance=false"]
        return build(self._engine, command, recipe, progress, read)
