"""The engine API's BuildKit: `POST /build?version=2` with the context as the body. Needs no docker CLI.

It has no session, so secret mounts and base images behind a sign-in need the CLI.
"""

import base64
import json
from contextlib import closing
from typing import Any

from loco_cli.build import trace
from loco_cli.build.builders.base import Recipe, failure, finished, without_session
from loco_cli.build.builders.context import sent
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed


class EngineApi:
    name = "engine"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def missing(self) -> str:
        return "" if self._engine.has_buildkit else "the engine's API has no BuildKit"

    def lacks(self, recipe: Recipe) -> str:
        return without_session(recipe)

    def build(self, recipe: Recipe, progress: Progress) -> str:
        image, error = "", ""
        with closing(self._engine.build({"version": "2", **query(recipe)}, sent(recipe, progress))) as records:
            for record in records:
                if record.get("id") == "moby.buildkit.trace":
                    trace.status(base64.b64decode(record["aux"])).tell(progress)
                elif record.get("id") == "moby.image.id":
                    image = str(record["aux"]["ID"])
                elif "error" in record:
                    error = str(record["error"])
        if image and not error:
            return finished(self._engine, recipe, image)
        if "no active session" in error:
            raise BuildFailed(
                f"the engine cannot fetch a base image by itself: {error}",
                hint="install the docker CLI with buildx, or docker pull the base image, then: loco deploy",
            )
        raise failure(self._engine, progress, error or "the engine gave no reason")


def query(recipe: Recipe) -> dict[str, Any]:
    """Give the query of the request (Docker Engine API, ImageBuild)."""
    found: dict[str, Any] = {"t": recipe.tag, "dockerfile": recipe.dockerfile, "rm": "1", "forcerm": "1"}
    if recipe.target:
        found["target"] = recipe.target
    if recipe.platform:
        found["platform"] = recipe.platform
    if recipe.args:
        found["buildargs"] = json.dumps(dict(recipe.args))
    if recipe.no_cache:
        found["nocache"] = "1"
    if recipe.pull:
        found["pull"] = "1"
    return found
