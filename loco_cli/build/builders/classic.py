"""The engine's classic builder, `POST /build`: for engines whose API has no BuildKit.

It knows neither `RUN --mount` nor heredocs, and builds one step after the other.
"""

from collections.abc import Callable
from contextlib import closing

from loco_cli.build.builders.base import Recipe, failure, finished, without_session
from loco_cli.build.builders.context import sent
from loco_cli.build.builders.engine_api import query
from loco_cli.build.builders.steps import Steps
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed


class Classic:
    name = "classic"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def missing(self) -> str:
        return "that is Docker's, and Podman has one of its own (podman)" if self._engine.is_podman else ""

    def lacks(self, recipe: Recipe) -> str:
        return without_session(recipe)

    def build(self, recipe: Recipe, progress: Progress) -> str:
        image, error = post(self._engine, recipe, progress)
        if "requires BuildKit" in error:
            raise BuildFailed(
                f"the classic builder cannot build this Dockerfile: {error.partition('. ')[0]}",
                hint="loco deploy --builder auto, or do without RUN --mount",
            )
        if image and not error:
            return finished(self._engine, recipe, image)
        raise failure(self._engine, progress, error or "the engine gave no reason")


def post(
    engine: Engine,
    recipe: Recipe,
    progress: Progress,
    *,
    sign_ins: bool = True,
    clean: Callable[[str], str] = str.strip,
    **more: str,
) -> tuple[str, str]:
    """Build over the API; give the image's id and the error, one of them empty. `clean` words the error for people."""
    image, error = "", ""
    steps = Steps(progress)
    with closing(engine.build({**query(recipe), **more}, sent(recipe, progress), sign_ins=sign_ins)) as records:
        for record in records:
            if "error" in record:
                error = clean(str(record["error"]))
            elif "stream" in record:
                steps.read(str(record["stream"]))
            elif isinstance(record.get("aux"), dict):
                image = str(record["aux"].get("ID", image))
    steps.end(error)
    return image, error
