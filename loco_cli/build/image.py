"""Make sure that the engine has the image of a folder as it is now: found unchanged, or built."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from loco_cli.build import files, secret_files
from loco_cli.build.builders.base import Builder, Recipe
from loco_cli.build.builders.choose import choose, known
from loco_cli.build.builders.docker_cli import ask_ahead
from loco_cli.build.engine import Engine
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.progress import Progress, Step
from loco_cli.build.secret import Secret
from loco_spec.build import Build
from loco_spec.errors import BuildFailed
from loco_spec.values import human_bytes


@dataclass(frozen=True)
class Options:
    """What the command line adds to [build]."""

    args: Mapping[str, str]
    builder: str = "auto"
    no_cache: bool = False
    pull: bool = False
    secrets: tuple[Secret, ...] = ()


class Folder:
    """One folder to build, read once: its files, its fingerprint, and what is remembered of the last build."""

    def __init__(self, folder: Path, build: Build, options: Options) -> None:
        known(options.builder)
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
        self._builder: Builder | None = None
        self.log = ""
        """What the build said; empty as long as there was none."""

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

    @property
    def ignore_file(self) -> str | None:
        return self._rules.source

    @property
    def size(self) -> int:
        """Bytes of all that is sent."""
        return files.size(self.files)

    def check(self, say: Callable[[str], None]) -> None:
        """Say what is left out and what is large, and stop at what looks like a secret.

        Raises:
            SecretFilesFound: with the paths.
        """
        if self.by_git:
            say("no .dockerignore: files that .gitignore names, and .git, are left out")
        secret_files.check(self.context, self.files, self._build.allow)
        size = self.size
        if size > files.LARGE_BYTES:
            largest = ", ".join(f"{path} {human_bytes(bytes_)}" for path, bytes_ in files.largest(self.files))
            say(f"the build context has {human_bytes(size)}; the largest: {largest}; a .dockerignore makes it smaller")

    def foresee(self) -> None:
        """Begin what the choice of a builder will wait for, where one will be needed."""
        if not self.unchanged and self._options.builder == "auto":
            ask_ahead()

    def prepare(self, engine: Engine, note: Callable[[str], None]) -> None:
        """Choose the builder, where one will be needed: before a deployment is made for nothing.

        Raises:
            UsageError: none can build this here.
        """
        if not (self.unchanged and engine.has(self._memory.image)):
            self._builder = self.builder(engine, note)

    def builder(self, engine: Engine, note: Callable[[str], None]) -> Builder:
        """Give who would build; raises as `prepare` does."""
        return choose(self._options.builder, engine, self._recipe(tag=""), note)

    def image(self, engine: Engine, *, tag: str, say: Callable[[str], None], working: Callable[[str], None]) -> str:
        """Give the engine's id of the image.

        Raises:
            BuildFailed: with the step.
        """
        if self.unchanged and engine.has(self._memory.image):
            say("nothing changed since the last build; its image is used again")
            return self._memory.image
        progress = Progress(
            lambda step: _tell(step, say, working), hidden=[secret.value() for secret in self._options.secrets]
        )
        recipe = self._recipe(tag)
        builder = self._builder or choose(self._options.builder, engine, recipe, say)
        try:
            image = builder.build(recipe, progress)
        except BuildFailed as e:
            progress.log.add(e.message)
            raise
        finally:
            self.log = progress.log.text
        steps, cached = progress.counts()
        say(f"built: {steps} step{'' if steps == 1 else 's'}, {cached} cached")
        same = self._memory.pushed if image == self._memory.image else {}
        # Built from something else than the fingerprint is of, the image is not taken for it the next time.
        kept = self._fingerprint if self._is_as_listed() else ""
        self._memory = Memory(kept, image, same)
        self._memories.keep(self._memory)
        return image

    def _recipe(self, tag: str) -> Recipe:
        return Recipe(
            context=self.context,
            dockerfile=self.dockerfile,
            files=self.files,
            tag=tag,
            target=self._build.target,
            platform=self._build.platform,
            args=self.args,
            no_cache=self._options.no_cache,
            pull=self._options.pull,
            secrets=self._options.secrets,
            as_archive=self.by_git,
            takes_back=self._rules.takes_back,
        )

    @property
    def by_git(self) -> bool:
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
    current, total = step.moved
    how_far = human_bytes(current) + (f" of {human_bytes(total)}" if total else "")
    if step.state == "running" and current:
        working(f"sending the build context: {how_far}" if "[internal]" in step.name else f"{step.name}: {how_far}")
    elif step.state == "running" and step.own:
        working(f"building: {step.name}")
        say(f"building {step.name}")
    elif step.state == "running" and step.name and "[internal]" not in step.name:
        working(f"building: {step.name}")
    elif step.state == "cached" and step.own:
        working(f"cached: {step.name}")
