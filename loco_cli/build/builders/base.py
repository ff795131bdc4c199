"""What every builder promises."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loco_cli.build.engine import Engine
from loco_cli.build.files import Entry
from loco_cli.build.progress import Progress
from loco_cli.build.secret import Secret
from loco_spec.errors import BuildFailed, Diagnosis, EngineUnavailable

_FROM = re.compile(r"(?:\[internal\] load metadata for|\[[^\]]*\] FROM) (?:--platform=\S+ )?(?P<image>\S+)")
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
_CORRECT = "correct the Dockerfile, then: loco deploy"


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
    secrets: Sequence[Secret] = ()
    as_archive: bool = False
    """The context is to be sent as exactly `files`: a builder that reads the folder itself would leave out others."""
    takes_back: bool = False
    """The ignore file has `!` lines: a docker CLI before 23 that reads the folder itself would leave out others."""


class Builder(Protocol):
    @property
    def name(self) -> str: ...

    def missing(self) -> str:
        """Why it cannot build here at all; empty when it can. Asked once, before anything is sent."""
        ...

    def lacks(self, recipe: Recipe) -> str:
        """What it cannot do of what is asked; empty when it can do all."""
        ...

    def build(self, recipe: Recipe, progress: Progress) -> str:
        """Build and tag; give the engine's id of the image (`sha256:…`).

        Raises:
            BuildFailed: the Dockerfile's own fault, with the step and its last lines.
            EngineUnavailable: the engine went away.
        """
        ...


NO_SESSION = "secrets (--build-secret): they need the docker CLI, which holds a session with BuildKit for them"


def without_session(recipe: Recipe) -> str:
    """What every builder lacks that only posts a context."""
    return NO_SESSION if recipe.secrets else ""


def finished(engine: Engine, recipe: Recipe, image: str) -> str:
    """See that the engine has the image, for the platform that was asked for; give its id.

    Raises:
        BuildFailed: it is elsewhere, or for another platform.
    """
    found = (engine.image(image) if image else None) or engine.image(recipe.tag)
    if found is None:
        raise BuildFailed(
            f"the builder made {image or recipe.tag}, and the engine at {engine.address} does not have it",
            hint="the docker CLI works with another engine: see docker context ls, or set DOCKER_HOST for both",
        )
    if recipe.platform and not _same_platform(recipe.platform, found.platform):
        raise BuildFailed(
            f"the image was built for {found.platform}, and {recipe.platform} was asked for: its base image is there"
            f" only for {found.platform}",
            hint="--pull, another base image, or another platform under [build] in loco.toml",
        )
    return found.id


def failure(engine: Engine, progress: Progress, message: str) -> BuildFailed:
    """Word a failed build: the step that failed and its last lines where one did, else what the builder said."""
    message = progress.log.hide(message)
    if not engine.answers():
        return EngineUnavailable(
            f"the container engine went away during the build: {message}", hint="start it again, then: loco deploy"
        )
    step = progress.failed
    if step is None:
        return BuildFailed(f"the build failed: {message}", hint=_CORRECT)
    reason, hint = step.error or message, _CORRECT
    base = _FROM.match(step.name)
    if base is not None:
        hint = f"see that the name is right and that the engine can have it: docker pull {base['image']}"
    return BuildFailed(
        f"the base image {base['image']} cannot be had" if base else f"the build failed at step {step.name}",
        hint=hint,
        diagnosis=Diagnosis(
            phase="building",
            seconds=step.seconds,
            cause="build-step",
            message=reason,
            hint=hint,
            lines=tuple(step.lines),
        ),
    )


def _same_platform(asked: str, found: str) -> bool:
    """Compare system and architecture; a variant (`arm/v7`) is told by few images."""

    def parts(text: str) -> tuple[str, str]:
        system, _, rest = text.lower().partition("/")
        name = rest.partition("/")[0]
        return system, _ARCHITECTURES.get(name, name)

    return parts(asked) == parts(found)
