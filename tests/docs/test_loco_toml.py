"""docs/loco.toml is the reference: it loads, and names every key that there is."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from loco_spec import toml
from loco_spec.errors import ConfigError
from loco_spec.kinds.service import Service

TEXT = (Path(__file__).parents[2] / "docs/loco.toml").read_text()


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Give every key of a model and of the tables in it, dotted."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        tables = [kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        found |= keys(tables[0], f"{prefix}{name}.") if tables else {prefix + name}
    return found


def _kinds(annotation: Any) -> list[Any]:
    return [annotation, *(kind for each in get_args(annotation) for kind in _kinds(each))]


def written(data: Any, prefix: str = "") -> set[str]:
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return {key for each in data for key in written(each, prefix)}
    if isinstance(data, dict) and prefix not in {"env.", "build.args."}:
        return {found for key, value in data.items() for found in written(value, f"{prefix}{key}.")}
    return {prefix.rstrip(".")}


def alternatives() -> list[str]:
    """Give the file as it is, and once with each excluding key in the place of what it excludes."""
    lines = TEXT.splitlines()
    return [
        "\n".join([*lines[:i], line.removeprefix("#: "), *lines[i + 1 :]])
        for i, line in enumerate(lines)
        if line.startswith("#: ")
    ]


def test_the_reference_loads() -> None:
    spec = toml.parse(TEXT, default_name="x")
    assert spec.name == "shop"
    assert len(spec.routes) == 2


def test_the_reference_names_every_key_and_no_other() -> None:
    there = written(tomllib.loads(TEXT)).union(*(written(tomllib.loads(text)) for text in alternatives()))
    assert there == keys(Service) | {"port"}


@pytest.mark.parametrize(
    "text",
    alternatives(),
    ids=lambda text: next(line.split()[0] for line in text.splitlines() if line not in TEXT.splitlines()),
)
def test_a_key_that_is_told_to_exclude_another_does(text: str) -> None:
    with pytest.raises(ConfigError, match="fault"):
        toml.parse(text, default_name="x")


def models(annotation: Any = Service) -> list[type[BaseModel]]:
    """Give the model and those of the tables in it."""
    found = [kind for kind in _kinds(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return found + [
        deeper for each in found for field in each.model_fields.values() for deeper in models(field.annotation)
    ]


@pytest.mark.parametrize(("key", "told"), re.findall(r"^(\w+) = .*# .*Default: ([\w.]+)$", TEXT, re.MULTILINE))
def test_a_default_that_is_told_is_true(key: str, told: str) -> None:
    fields = [model.model_fields[key] for model in models() if key in model.model_fields]
    assert told.lower() in {str(field.default).lower() for field in fields}
