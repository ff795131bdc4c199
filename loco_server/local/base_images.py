"""The operator's list of allowed base images: read at the start, and written an entry at a time."""

from pathlib import Path

import tomli_w

from loco_server.policy import base_images
from loco_server.policy.base_images import BaseImage
from loco_spec import references
from loco_spec.errors import Conflict, EngineUnavailable, NotFound, UsageError


def load(path: Path | None) -> tuple[BaseImage, ...]:
    """Read the file that `LOCO_BASE_IMAGES` names; nothing when it names none.

    Raises:
        UsageError: it cannot be read, or is no such list; an operator who wants a policy is not to run without.
    """
    if path is None:
        return ()
    try:
        return base_images.parse(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(
            f"LOCO_BASE_IMAGES: {path} cannot be read: {e.strerror}",
            hint=f"loco-server base-images add REFERENCE --file {path}",
        ) from e
    except ValueError as e:  # not UTF-8, not TOML, not such a list
        raise UsageError(f"LOCO_BASE_IMAGES: {path}: {e}", hint="correct it and start again") from e


def add(reference: str, path: Path) -> str:
    """Append an entry for an image that the engine has; give what to tell the operator.

    Raises:
        LocoError: the file is no list, the engine or the image is not there, or the entry is.
    """
    try:
        name = str(references.parse(reference))
    except ValueError as e:
        raise UsageError(f"{reference!r} is no reference to an image: {e}") from e
    there = load(path) if path.exists() else ()
    entry = BaseImage(name, _layers(reference))
    if entry in there:
        raise Conflict(f"{path} lists {name} with these layers already", hint=f"docker pull {name}, and add it again")
    text = tomli_w.dumps({"base": [{"name": entry.name, "layers": list(entry.layers)}]})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}" if there else text)
    except OSError as e:
        raise UsageError(f"{path} cannot be written: {e.strerror}", hint="--file FILE") from e
    return (
        f"{path} lists {name} ({len(entry.layers)} layer{'s' if len(entry.layers) > 1 else ''}); the server reads it at"
        f" its start, where LOCO_BASE_IMAGES={path}"
    )


def _layers(reference: str) -> tuple[str, ...]:
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        client = docker.from_env(version="auto")
        try:
            found = client.api.inspect_image(reference)
        finally:
            client.close()
    except ImageNotFound as e:
        raise NotFound(f"the engine has no image {reference}", hint=f"docker pull {reference}") from e
    except (DockerException, OSError) as e:
        raise EngineUnavailable(f"the container engine does not answer: {e}", hint="docker info") from e
    return tuple(found["RootFS"]["Layers"])
