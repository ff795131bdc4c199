"""Make sure that the engine has the image of a folder as it is now: found unchanged, or built."""

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from loco_cli.build import files, secret_files
from loco_cli.build.builders import MEMBERS
from loco_cli.build.builders.base import Builder, Recipe
from loco_cli.build.engine import Engine
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.progress import Progress, Step
from loco_spec.build import Build
from loco_spec.errors import BuildFailed, UsageError
from loco_spec.values import human_bytes


@dataclass(frozen=True)
class Options:
    """What the command line adds to [build]."""

    args: Mapping[str, str]
    builder: str = "auto"
    no_cache: bool = False
    pull: bool = False


class Folder:
    """One folder to build, read once: its files, its fingerprint, and what is remembered of the last build."""

    def __init__(self, folder: Path, build: Build, options: Options) -> None:
        _see_builder(options.builder)
        self._build = build
        self._options = options
        self.context = (folder / build.context).resolve()
        self.dockerfile = _dockerfile(folder, build, self.context)
        self._rules = files.rules(self.context, self.dockerfile)
        self._listed_ns = time.time_ns()
        self._listing = files.listing(self.context, self._rules, self.dockerfile)
        self.files = self._listing.entries
        self.args = {**build.args, **options.args}
        self._memories = Memories(
            {
                "context": str(self.context),
                "dockerfile": self.dockerfile,
                "target": build.target,
                "platform": build.platform,
                "args": self.args,
            }
        )
        self._memory = self._memories.recall()

    @cached_property
    def _fingerprint(self) -> str:
        return self._memories.fingerprint(self.context, self.files, listed_ns=self._listed_ns)

    @property
    def unchanged(self) -> bool:
        return self._fingerprint == self._memory.fingerprint and not (self._options.no_cache or self._options.pull)

    def pushed(self, where: str) -> str | None:
        """Give the digest that this very content had there when it was pushed last."""
        return self._memory.pushed.get(where) if self.unchanged else None

    def remember_pushed(self, where: str, digest: str) -> None:
        self._memory = replace(self._memory, pushed={**self._memory.pushed, where: digest})
        self._memories.keep(self._memory)

    def check(self, say: Callable[[str], None]) -> None:
        """Say what is left out and what is large, and stop at what looks like a secret.

        Raises:
            SecretFilesFound: with the paths.
        """
        if self._by_git:
            say("no .dockerignore: files that .gitignore names, and .git, are left out")
        secret_files.check(self.context, self.files, self._build.allow)
        size = files.size(self.files)
        if size > files.LARGE_BYTES:
            largest = ", ".join(f"{path} {human_bytes(bytes_)}" for path, bytes_ in files.largest(self.files))
            say(f"the build context has {human_bytes(size)}; the largest: {largest}; a .dockerignore makes it smaller")

    def image(self, engine: Engine, *, tag: str, say: Callable[[str], None], working: Callable[[str], None]) -> str:
        """Give the engine's id of the image.

        Raises:
            BuildFailed: with the step.
        """
        if self.unchanged and engine.has(self._memory.image):
            say("nothing changed since the last build; its image is used again")
            return self._memory.image
        progress = Progress(lambda step: _tell(step, say, working))
        recipe = Recipe(
            context=self.context,
            dockerfile=self.dockerfile,
            files=self.files,
            tag=tag,
            target=self._build.target,
            platform=self._build.platform,
            args=self.args,
            no_cache=self._options.no_cache,
            pull=self._options.pull,
            as_archive=self._by_git,
            takes_back=self._rules.takes_back,
        )
        image = _builder(self._options.builder, engine).build(recipe, progress)
        steps, cached = progress.counts()
        say(f"built: {steps} steps, {cached} cached")
        same = self._memory.pushed if image == self._memory.image else {}
        # Built from something else than the fingerprint is of, the image is not taken for it the next time.
        kept = self._fingerprint if self._is_as_listed() else ""
        self._memory = Memory(kept, image, same)
        self._memories.keep(self._memory)
        return image

    @property
    def _by_git(self) -> bool:
        """Whether files are left out that a builder would send which reads the folder itself."""
        return self._listing.left_out and not self._rules.for_docker

    def _is_as_listed(self) -> bool:
        try:
            return files.listing(self.context, self._rules, self.dockerfile).entries == self.files
        except BuildFailed:
            return False


def _dockerfile(folder: Path, build: Build, context: Path) -> str:
    """Give the Dockerfile's path within the context: both are named from loco.toml's folder.

    Raises:
        BuildFailed: there is none, or it lies outside.
    """
    if not context.is_dir():
        raise BuildFailed(f"the build context {context} is not a folder", hint="see context under [build]")
    path = folder / build.dockerfile
    path = path.parent.resolve() / path.name
    if path.is_dir():
        raise BuildFailed(f"{path} is a folder", hint="name the Dockerfile under [build] in loco.toml")
    if not path.is_file():
        raise BuildFailed(
            f"there is no {path.name} in {path.parent}",
            hint=f"write one, name it under [build] in loco.toml, or deploy another folder than {folder}",
        )
    file = path.resolve()
    if not path.is_relative_to(context) or not file.is_relative_to(context):
        of = f"{build.dockerfile}, a link to {file}," if path.is_symlink() else build.dockerfile
        raise BuildFailed(
            f"the Dockerfile {of} is not inside the build context {context}",
            hint="move it there, or choose another context under [build] in loco.toml",
        )
    # The docker CLI follows no link that leads out of the Dockerfile's own folder.
    return (path if file.is_relative_to(path.parent) else file).relative_to(context).as_posix()


def _tell(step: Step, say: Callable[[str], None], working: Callable[[str], None]) -> None:
    if not step.name or "[internal]" in step.name:
        return
    if step.state == "running":
        working(f"building: {step.name}")
        if step.name.startswith("["):
            say(f"building {step.name}")
    elif step.state == "cached":
        working(f"cached: {step.name}")


def _see_builder(name: str) -> None:
    if name != "auto" and name not in MEMBERS:
        raise UsageError(
            f"there is no builder {name!r}; there is: auto, {', '.join(MEMBERS)}", hint="loco deploy --help"
        )


def _builder(name: str, engine: Engine) -> Builder:
    """Give the builder of that name, or the first that is able.

    Raises:
        UsageError: it cannot build here.
    """
    for candidate in MEMBERS if name == "auto" else (name,):
        module, _, attribute = MEMBERS[candidate].partition(":")
        found: Any = getattr(importlib.import_module(module), attribute)(engine)
        if found.usable():
            return found  # type: ignore[no-any-return]
    raise UsageError(
        f"the builder {name!r} cannot build here: no docker CLI with BuildKit is on PATH",
        hint="loco deploy --builder auto",
    )
