"""What every builder promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loco_cli.build.files import Entry
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed, Diagnosis


@dataclass(frozen=True)
class Recipe:
    """What to build. Paths in the context are relative to it."""

    context: Path
    dockerfile: str
    files: Sequence[Entry]
    tag: str
    target: str | None
    platform: str | None
    args: Mapping[str, str]
    no_cache: bool
    pull: bool
    as_archive: bool = False
    """The context is to be sent as exactly `files`: a builder that reads the folder itself would leave out others."""
    takes_back: bool = False
    """The ignore file has `!` lines: a docker CLI before 23 that reads the folder itself would leave out others."""


class Builder(Protocol):
    @property
    def name(self) -> str: ...

    def usable(self) -> bool:
        """Whether it can build here; asked once, before anything is sent."""
        ...

    def build(self, recipe: Recipe, progress: Progress) -> str:
        """Build and tag; give the engine's id of the image (`sha256:…`).

        Raises:
            BuildFailed: the Dockerfile's own fault, with the step and its last lines.
            EngineUnavailable: the engine went away.
        """
        ...


def failure(progress: Progress, message: str) -> BuildFailed:
    """Word a failed build: the step that failed and its last lines where one did, else what the builder said."""
    step = progress.failed
    if step is None:
        return BuildFailed(f"the build failed: {message}", hint="correct the Dockerfile, then: loco deploy")
    reason = step.error or message
    return BuildFailed(
        f"the build failed at step {step.name}",
        hint="correct the Dockerfile, then: loco deploy",
        diagnosis=Diagnosis(
            phase="building",
            seconds=step.seconds,
            cause="build-step",
            message=reason,
            hint="correct the Dockerfile, then: loco deploy",
            lines=tuple(step.lines),
        ),
    )
