"""Podman's builder behind its Docker-compatible API: `POST /build`, answered by Buildah."""

import re

from loco_cli.build.builders.base import Recipe, failure, finished, without_session
from loco_cli.build.builders.classic import post
from loco_cli.build.engine import Engine
from loco_cli.build.progress import Progress

_INNARDS = re.compile(r" &imagebuilder\.Step\{.*", re.DOTALL)


class Podman:
    name = "podman"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def missing(self) -> str:
        return "" if self._engine.is_podman else "the engine is not Podman"

    def lacks(self, recipe: Recipe) -> str:
        return without_session(recipe)

    def build(self, recipe: Recipe, progress: Progress) -> str:
        # layers: its cache; said, because versions differ in what they do unasked. Its own sign-ins (podman login) are
        # known to it already.
        image, error = post(self._engine, recipe, progress, sign_ins=False, clean=_clean, layers="1")
        if image and not error:
            return finished(self._engine, recipe, image)
        raise failure(self._engine, progress, error or "Podman gave no reason")


def _clean(error: str) -> str:
    return _INNARDS.sub("", error).strip()
