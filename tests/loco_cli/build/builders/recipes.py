"""What to build, with what a test does not care about filled in."""

from pathlib import Path
from typing import Any

from loco_cli.build.builders.base import Recipe
from loco_cli.build.progress import Progress, Step


def recipe(context: Path = Path("/src"), **more: Any) -> Recipe:
    given: dict[str, Any] = {
        "dockerfile": "Dockerfile",
        "files": (),
        "tag": "loco/ann/shop:latest",
        "target": None,
        "platform": None,
        "args": {},
        "no_cache": False,
        "pull": False,
    }
    return Recipe(context=context, **{**given, **more})


def quiet() -> Progress:
    """Progress that nobody listens to."""
    return Progress(list[Step]().append)
