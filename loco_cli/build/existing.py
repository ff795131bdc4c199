"""The image that `image` in loco.toml names: found out what it is, and brought into the engine.

The registry that the name leads to is asked first, by the engine and with the person's own sign-in, so that a tag that
moved is noticed; then what it is, a digest, is pulled, so that a tag that moves meanwhile is not. The engine's own copy
is used without asking where the name cannot mean another one: a digest, or a short name (`shop:dev`) that was made here
and never pulled. It is also used where the registry does not give the image, which is said. docs/decisions has the why.
"""

from collections.abc import Callable, Mapping
from typing import Any

from loco_cli.build import gates
from loco_cli.build.engine import Engine, SourceError
from loco_cli.build.fingerprint import Memories, Memory
from loco_cli.build.image import Options
from loco_cli.build.transfer import Transfer, fault
from loco_spec import image_rules, references
from loco_spec.errors import ConfigError, FieldFault, ImageUnavailable, UsageError
from loco_spec.references import Reference

Say = Callable[[str], None]

_NO_ACCESS = ("unauthorized", "denied", "no basic auth credentials", "authentication required", "forbidden")
_NOT_THERE = ("manifest unknown", "not found", "name unknown")


class Existing:
    """Ask `resolve` first; then it is known what to compare, and `image` gives it."""

    def __init__(self, text: str, options: Options) -> None:
        if options.args or options.secrets or options.no_cache or options.builder != "auto":
            raise UsageError(
                f"{text} is an image, and nothing is built: --build-arg, --build-secret, --builder and --no-cache are"
                " for builds",
                hint="loco deploy --pull asks for the registry's image, whatever the engine has",
            )
        self.reference = _parsed(text)
        self._only_registry = options.pull
        self._platform: str | None = None
        self._there: str | None = None
        """The id of the engine's own copy, where that is what is deployed."""
        self._source = ""
        """What the reference is: the registry's digest, or the id of the engine's own copy."""

    def resolve(self, engine: Engine, platform: str | None, say: Say) -> None:
        """Find out what the reference is. Nothing is pulled yet.

        Raises:
            ImageUnavailable: neither the registry nor the engine has it.
            ImageRefused: there is none for the platform.
        """
        self._platform = platform
        self._memories = Memories({"image": str(self.reference), "platform": platform})
        asked = self.reference.at(self.reference.pulled)
        own = None if self._only_registry else engine.inspect(asked)
        if own is not None and self._is_certain(own):
            self._use(own, say, f"{self.reference} is the engine's own image {_short(own['Id'])}")
            return
        try:
            found = engine.resolve(asked)
        except SourceError as e:
            why = _reason(e, self.reference)
            if own is None:
                raise why from e
            self._use(own, say, f"{why.message}; the engine's own copy is used: {_short(own['Id'])}")
            return
        self._source = str(found["Descriptor"]["digest"])
        if platform is not None and found.get("Platforms"):
            image_rules.platform([_platform(each) for each in found["Platforms"]], platform, built=False)
        say(f"{self.reference} is {self._source}")

    def pushed(self, where: str) -> str | None:
        """Give the digest that this very image had there when it was pushed last."""
        memory = self._memories.recall()
        return memory.pushed.get(where) if memory.fingerprint == self._source else None

    def remember_pushed(self, where: str, digest: str) -> None:
        before = self._memories.recall()
        same = before.pushed if before.fingerprint == self._source else {}
        self._memories.keep(Memory(fingerprint=self._source, pushed={**same, where: digest}))

    def image(self, engine: Engine, *, working: Say) -> str:
        """Give the engine's id of the image, pulled where the engine does not have it.

        Raises:
            ImageUnavailable: the pull failed.
        """
        if self._there is not None:
            return self._there
        name = self.reference.at(self._source)
        found = engine.inspect(name)
        if found is None or not self._fits(found):
            self._pull(engine, working)
            found = engine.inspect(name)
        if found is None:
            raise ImageUnavailable(f"the engine pulled {name} and does not have it", hint=f"docker pull {name}")
        return str(found["Id"])

    def _pull(self, engine: Engine, working: Say) -> None:
        transfer = Transfer()
        try:
            for record in engine.pull(self.reference.name, self._source, self._platform):
                error = fault(record)
                if error:
                    raise SourceError(None, error)
                transfer.read(record)
                working(f"pulling {transfer.now()}")
        except SourceError as e:
            raise _reason(e, self.reference) from e

    def _is_certain(self, own: Mapping[str, Any]) -> bool:
        """Whether no registry has a better answer: a digest is a digest, and what was made here is nowhere else.

        A longer name is its registry's, even if an image was given that name here; a pulled image may be an old one.
        """
        if self.reference.digest is not None:
            return self._fits(own)
        pulled = any(str(name).startswith(f"{self.reference.name}@") for name in own.get("RepoDigests") or ())
        return self.reference.is_short and not pulled

    def _fits(self, found: Mapping[str, Any]) -> bool:
        return self._platform is None or gates.platform(found) == self._platform

    def _use(self, own: Mapping[str, Any], say: Say, message: str) -> None:
        self._source = self._there = str(own["Id"])
        say(message)


def _parsed(text: str) -> Reference:
    try:
        return references.parse(text)
    except ValueError as e:
        raise ConfigError(
            "image in loco.toml is no reference to an image",
            hint="correct it, and: loco deploy",
            fields=[FieldFault(path="image", message=str(e))],
        ) from e


def _reason(error: SourceError, reference: Reference) -> ImageUnavailable:
    """Word why an image cannot be pulled, with what helps."""
    said = str(error).strip()
    text = said.lower()
    if error.status in {401, 403} or any(words in text for words in _NO_ACCESS):
        # Registries answer so, too, where there is nothing: whoever may not look is not told.
        return ImageUnavailable(
            f"{reference} cannot be pulled: no access, or there is no such image ({said})",
            hint=f"docker login {reference.domain}, then: loco deploy",
        )
    if error.status == 404 or any(words in text for words in _NOT_THERE):
        return ImageUnavailable(
            f"{reference} cannot be pulled: {reference.domain} has no such image ({said})",
            hint="correct image in loco.toml, or push that tag, then: loco deploy",
        )
    return ImageUnavailable(
        f"{reference} cannot be pulled: {said}", hint=f"docker pull {reference} shows whether it is loco's fault"
    )


def _platform(described: Mapping[str, Any]) -> str:
    os, architecture, variant = (str(described.get(key) or "") for key in ("os", "architecture", "variant"))
    return image_rules.platform_name(os, architecture, variant)


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]
