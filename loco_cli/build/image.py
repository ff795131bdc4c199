"""Make sure that the engine has the image of a folder as it is now: found unchanged, or built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loco_cli.build import files, ignore
from loco_cli.build.builders.base import Builder, Recipe
from loco_cli.build.builders.choose import choose, known
from loco_cli.build.engine import Engine
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.progress import Progress, Step
from loco_cli.build.secret import Secret
from loco_spec.build import Build
from loco_spec.errors import BuildFailed, SecretFilesFound
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
        self.dockerfile = build.dockerfile if build.context == "." else _inside(folder, build)
        self._see_dockerfile(folder)
        found = ignore.load(self.context, self.dockerfile)
        always = [self.dockerfile, *([found.source] if found.source else [])]
        self.files = files.entries(self.context, found, always)
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
        self._fingerprint, self._stats = self._memories.fingerprint(self.context, self.files, self._memory)
        self._builder: Builder | None = None
        self.log = ""
        """What the build said; empty as long as there was none."""

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
        """Say what is large, and stop at what looks like a secret.

        Raises:
            SecretFilesFound: with the paths.
        """
        found = files.secrets(self.files, self._build.allow)
        if found:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
            raise SecretFilesFound(
                f"the build context holds what looks like a secret: {shown}",
                hint="name it in .dockerignore, or, if it is meant to be in the image, under allow in [build]",
            )
        size = files.size(self.files)
        if size > files.LARGE_BYTES:
            largest = ", ".join(f"{path} {human_bytes(bytes_)}" for path, bytes_ in files.largest(self.files))
            say(f"the build context has {human_bytes(size)}; the largest: {largest}; a .dockerignore makes it smaller")

    def prepare(self, engine: Engine, note: Callable[[str], None]) -> None:
        """Choose the builder, where one will be needed: before a deployment is made for nothing.

        Raises:
            UsageError: none can build this here.
        """
        if not (self.unchanged and engine.has(self._memory.image)):
            self._builder = choose(self._options.builder, engine, self._recipe(tag=""), note)

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
        say(f"built: {steps} steps, {cached} cached")
        same = self._memory.pushed if image == self._memory.image else {}
        self._memory = Memory(self._fingerprint, image, same, self._stats)
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
        )

    def _see_dockerfile(self, folder: Path) -> None:
        if not self.context.is_dir():
            raise BuildFailed(f"the build context {self.context} is not a folder", hint="see context under [build]")
        path = self.context / self.dockerfile
        if not path.is_file():
            raise BuildFailed(
                f"there is no {self.dockerfile} in {self.context}",
                hint=f"write one, name it under [build] in loco.toml, or deploy another folder than {folder}",
            )


def _inside(folder: Path, build: Build) -> str:
    """Give the Dockerfile's path within the context: both are named from loco.toml's folder.

    Raises:
        BuildFailed: it lies outside.
    """
    path = (folder / build.dockerfile).resolve()
    context = (folder / build.context).resolve()
    if not path.is_relative_to(context):
        raise BuildFailed(
            f"the Dockerfile {build.dockerfile} is not inside the build context {build.context}",
            hint="move it there, or choose another context under [build] in loco.toml",
        )
    return path.relative_to(context).as_posix()


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
