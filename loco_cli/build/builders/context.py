"""The context on its way to a builder, counted."""

from collections.abc import Iterator

from loco_cli.build import archive
from loco_cli.build.builders.base import Recipe
from loco_cli.build.progress import Progress

_KEY = "loco-context"
_HEADER = 512
_WORTH_TELLING = 1 << 20
"""A folder of many small files has many pieces."""


def sent(recipe: Recipe, progress: Progress) -> Iterator[bytes]:
    """Give the archive piece by piece, telling how much of it is gone.

    Raises:
        BuildFailed: a file cannot be read, or is not what it was.
    """
    total = sum(_HEADER + entry.size for entry in recipe.files)
    gone = told = 0
    progress.step(_KEY, "[internal] send the build context")
    for piece in archive.stream(recipe.context, recipe.files):
        yield piece
        gone += len(piece)
        if gone - told >= _WORTH_TELLING:
            progress.moved(_KEY, "context", gone, max(gone, total))
            told = gone
    if told:
        progress.moved(_KEY, "context", gone, gone)
    progress.end(_KEY, "done")
