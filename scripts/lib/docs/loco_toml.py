"""docs/loco-toml.md: every key of loco.toml, read off its models; the examples are those of docs/loco.toml."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.markdown import code, table
from loco_spec.schema import schema

REFERENCE = Path(__file__).parents[3] / "docs/loco.toml"
HEAD = """\
# loco.toml, key by key

Every key, with its type, its default, what it means and an example. Generated from the models by `scripts/gen-docs`: do
not edit. The same as one commented file: [loco.toml](loco.toml). Everything has a default; a folder with a Dockerfile
needs no loco.toml at all. An unknown key is a fault. `loco validate` checks a file, `loco config` shows what it says.

A duration is a number with `ms`, `s`, `m`, `h` or `d`: `"30s"`. Memory is one with `K`, `M`, `G`, `Ki`, `Mi` or `Gi`.

"""
_COLUMNS = ("key", "type", "default", "meaning", "example")
_TOLD = re.compile(r" Default: ([^.]+(?:\.[^. ][^.]*)*)\.?")


def page(written: str) -> str:
    del written
    whole = schema()
    examples = _examples(REFERENCE.read_text(encoding="utf-8"))
    properties: Mapping[str, Any] = whole["properties"]
    tables = {name: found for name, found in properties.items() if _table(found)}
    plain = {name: found for name, found in properties.items() if name not in tables and name != "env"}
    lines = ["## Before the tables", "", *table(_COLUMNS, _rows(plain, "", examples, ()))]
    for name, found in tables.items():
        model = whole["definitions"][_table(found)]
        several = found.get("type") == "array"
        lines += [f"## {f'[[{name}]]' if several else f'[{name}]'}", ""]
        most = f" At most {found['maxItems']}." if "maxItems" in found else ""
        lines += [f"{model.get('description', found['description'])}{most}", ""]
        lines += table(_COLUMNS, _rows(model["properties"], name, examples, model.get("required", ())))
    lines += ["## [env]", "", properties["env"]["description"], ""]
    lines += ["```toml", "[env]", *(f"{name} = {value}" for name, value in examples["env"].items()), "```", ""]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def _rows(
    properties: Mapping[str, Any], where: str, examples: Mapping[str, Mapping[str, str]], needed: object
) -> Iterator[tuple[str, ...]]:
    for name, found in properties.items():
        meaning, default = _meaning(found)
        if name in (needed if isinstance(needed, list) else ()):
            default = "needed"
        yield code(name), _type(found), default, meaning, code(f"{name} = {examples[where][name]}")


def _table(found: Mapping[str, Any]) -> str | None:
    """Give the name of the model that a key's table has."""
    inner = found.get("items", found.get("allOf", [{}])[0] if "allOf" in found else {})
    reference = inner.get("$ref")
    return None if reference is None else str(reference).rpartition("/")[2]


def _meaning(found: Mapping[str, Any]) -> tuple[str, str]:
    """Give what a key means, and its default: the model's, or the one that its sentence tells."""
    text = str(found.get("description", ""))
    if "default" in found:
        return text, code(_toml(found["default"]))
    told = _TOLD.search(text)
    return (text, "") if told is None else (_TOLD.sub("", text).strip(), told[1])


def _type(found: Mapping[str, Any]) -> str:
    match found["type"]:
        case "array":
            return f"list of {_type(found['items'])}s"
        case "object":
            return "table of texts"
        case "boolean":
            return "true or false"
        case "integer":
            return f"number, {found['minimum']} to {found['maximum']}" if "maximum" in found else "number"
    if "enum" in found:
        return ", ".join(code(_toml(each)) for each in found["enum"])
    pattern = str(found.get("pattern", ""))
    kinds = {"(ms|s|m|h|d)": "duration", "(Ki|Mi": "memory", "[0-9]+)m|": "processors"}
    return next((kind for part, kind in kinds.items() if part in pattern), "text")


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def _examples(text: str) -> dict[str, dict[str, str]]:
    """Give what the reference writes for each key, by table; a key that excludes another stands there as a comment."""
    found: dict[str, dict[str, str]] = {}
    where = ""
    for line in text.splitlines():
        if line.startswith("["):
            where = line.split("]")[0].strip("[")
        elif " = " in (told := line.removeprefix("#: ")) and not told.startswith("#"):
            name, _, rest = told.partition(" = ")
            found.setdefault(where, {}).setdefault(name, _value(rest))
    return found


def _value(rest: str) -> str:
    """Give the value that a line goes on with: the shortest part up to a # that is one, without the comment."""
    parts = rest.split("#")
    for count in range(1, len(parts) + 1):
        value = "#".join(parts[:count]).strip()
        try:
            tomllib.loads(f"x = {value}")
        except tomllib.TOMLDecodeError:
            continue
        return value
    raise ValueError(rest)
