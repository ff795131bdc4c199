"""The engine API's BuildKit: `POST /build?version=2` with the context as the body. Needs no docker CLI.

It has no session, so secret mounts and base images behind a sign-in need the CLI.
"""

import base64
from typing import Any

from loco_cli.build import archive, trace
from loco_cli.build.builders.base import Recipe, failure
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed


class EngineApi:
    name = "engine"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def usable(self) -> bool:
        return True

    def build(self, recipe: Recipe, progress: Progress) -> str:
        image, error = "", ""
        records = self._engine.build(query(recipe), archive.stream(recipe.context, recipe.files))
        for record in records:
            if record.get("id") == "moby.buildkit.trace":
                read(trace.status(base64.b64decode(record["aux"])), progress)
            elif record.get("id") == "moby.image.id":
                image = str(record["aux"]["ID"])
            elif "error" in record:
                error = str(record["error"])
        if image and not error:
            return image
        if "no active session" in error:
            raise BuildFailed(
                f"the engine cannot fetch a base image by itself: {error}",
                hint="install the docker CLI with buildx, or docker pull the base image, then: loco deploy",
            )
        raise failure(progress, error or "the engine gave no reason")


def query(recipe: Recipe) -> dict[str, Any]:
    """Give the query of the request (Docker Engine API, ImageBuild)."""
    found: dict[str, Any] = {"version": "2", "t": recipe.tag, "dockerfile": recipe.dockerfile, "rm": "1"}
    if recipe.target:
        found["target"] = recipe.target
    if recipe.platform:
        found["platform"] = recipe.platform
    if recipe.args:
        import json

        found["buildargs"] = json.dumps(dict(recipe.args))
    if recipe.no_cache:
        found["nocache"] = "1"
    if recipe.pull:
        found["pull"] = "1"
    return found


def read(status: trace.Status, progress: Progress) -> None:
    for vertex in status.vertexes:
        if vertex.started is not None or vertex.cached:
            progress.step(vertex.digest, vertex.name)
        if vertex.error:
            progress.end(vertex.digest, "failed", error=vertex.error, seconds=vertex.seconds)
        elif vertex.cached:
            progress.end(vertex.digest, "cached")
        elif vertex.completed is not None:
            progress.end(vertex.digest, "done", seconds=vertex.seconds)
    for log in status.logs:
        progress.step(log.vertex).say(log.text)
