"""The context on its way to a builder, counted; what goes wrong while it is read is no fault of the engine."""

from collections.abc import Iterator

from loco_cli.build import archive
from loco_cli.build.builders.base import Recipe
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed

_KEY = "loco-context"
_HEADER = 512
_WORTH_TELLING = 1 << 20
"""A folder of many small files has many pieces."""


def sent(recipe: Recipe, progress: Progress) -> Iterator[bytes]:
    """Give the archive piece by piece, telling how much of it is gone.

    Raises:
        BuildFailed: a file cannot be read (any more).
    """
    total = sum(_HEADER + entry.size for entry in recipe.files)
    gone = told = 0
    progress.step(_KEY, "[internal] send the build context")
    pieces = archive.stream(recipe.context, recipe.files)
    while True:
        try:
            piece = next(pieces, None)
        except OSError as e:
            progress.end(_KEY, "failed", error=str(e))
            raise BuildFailed(
                f"the build context changed while it was read, or cannot be read: {e}", hint="loco deploy"
            ) from e
        if piece is None:
            break
        yield piece
        gone += len(piece)
        if gone - told >= _WORTH_TELLING:
            progress.moved(_KEY, "context", gone, max(gone, total))
            told = gone
    if told:
        progress.moved(_KEY, "context", gone, gone)
    progress.end(_KEY, "done")
