"""Find loco.toml, parse it, and report every fault at once."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from loco_spec import names
from loco_spec.app import App
from loco_spec.errors import ConfigError, FieldFault

FILE_NAME = "loco.toml"


def find(folder: Path) -> Path | None:
    """Give the folder's loco.toml; None when it has none."""
    candidate = folder / FILE_NAME
    return candidate if candidate.is_file() else None


def load(folder: Path) -> App:
    """Read the folder's loco.toml, or make up the one that an empty file would be.

    Raises:
        ConfigError: with all faults.
    """
    path = find(folder)
    default_name = names.slugify(folder.resolve().name)
    if path is None:
        return App(name=default_name)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{FILE_NAME} is not UTF-8 text (byte {e.start})", hint="save it as UTF-8") from e
    return parse(text, default_name=default_name)


def parse(text: str, *, default_name: str, file: str = FILE_NAME) -> App:
    """Read the text of a loco.toml.

    Raises:
        ConfigError: with all faults.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{file} is not TOML: {e}", hint=f"correct {file} and run the command again") from e
    data.setdefault("name", default_name)
    try:
        return App.model_validate(data)
    except ValidationError as e:
        found = faults(e, App)
        raise ConfigError(
            f"{file} has {len(found)} fault{'s' if len(found) > 1 else ''}",
            hint=f"correct {file} and run the command again",
            fields=found,
        ) from e


def faults(error: ValidationError, model: type[BaseModel]) -> list[FieldFault]:
    """Say of each fault where it is and what was expected, with the nearest name for an unknown key."""
    found = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = _unknown(str(item["loc"][-1]), _known_keys(model, item["loc"][:-1]))
        found.append(FieldFault(path=dotted(item["loc"]), message=message))
    return found


def dotted(loc: tuple[int | str, ...]) -> str:
    """`("ports", 0, "port")` is `ports[0].port`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return "unknown key" + (f'; did you mean "{near[0]}"?' if near else f"; known here: {', '.join(known)}")


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Walk from the whole file's model to the table that `loc` names, and list its keys."""
    fields: Mapping[str, Any] = model.model_fields
    for part in loc:
        if isinstance(part, int):
            continue
        fields = _table(fields[part].annotation).model_fields
    return [*fields, *(["port"] if fields is App.model_fields else [])]


def _table(annotation: Any) -> type[BaseModel]:
    """Give the model inside an annotation such as `tuple[Port, ...]` or `Metrics | None`."""
    while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        annotation = annotation.__args__[0]
    return annotation
