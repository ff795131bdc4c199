"""The JSON Schema of loco.toml, for editors: draft-07, which Taplo, Tombi and Even Better TOML read.

python -m loco_spec.schema > loco_spec/loco.schema.json
"""

import ast
import inspect
import json
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

from loco_spec.kinds.service import Service

FILE = Path(__file__).parent / "loco.schema.json"


def schema() -> dict[str, Any]:
    """Make the schema from the models."""
    made = _plain(Service.model_json_schema())
    properties = made["properties"]
    # The name has a default that no schema can tell, and `port` stands for a whole [[ports]].
    port = made["definitions"]["Port"]["properties"]["port"]
    properties["port"] = {**port, "description": 'Short for one [[ports]], "http" on this number.'}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "loco.toml",
        "description": "What loco deploys, and how. Everything has a default.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "not": {"required": ["port", "ports"]},
        "definitions": made["definitions"],
    }


def text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def docstrings(cls: type) -> dict[str, str]:
    """Give the text that stands under each field of a class, from its source."""
    [found] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(found, ast.ClassDef)  # noqa: S101  the source of a class is one
    told = {}
    for field, under in pairwise(found.body):
        match field, under:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = inspect.cleandoc(text)
    return told


def _plain(node: Any, *, names: bool = False) -> Any:
    """Draft 2020-12 as draft-07: other names, no siblings beside `$ref`, and no null, which TOML lacks."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node.replace("#/$defs/", "#/definitions/") if isinstance(node, str) else node
    if names:
        return {key: _plain(value) for key, value in node.items()}
    found: dict[str, Any] = {}
    for key, value in node.items():
        match key:
            case "title" | "discriminator":
                continue
            case "$defs":
                found["definitions"] = _plain(value, names=True)
            case "const":
                found["enum"] = [value]
            case "default" if value is None or isinstance(value, dict | list):
                continue  # a whole table's default says nothing that its keys do not say
            case _:
                found[key] = _plain(value, names=key in {"properties", "patternProperties"})
    if "anyOf" in found:
        options = [option for option in found.pop("anyOf") if option != {"type": "null"}]
        found = {**(options[0] if len(options) == 1 else {"anyOf": options}), **found}
    if "$ref" in found and len(found) > 1:
        found = {"allOf": [{"$ref": found.pop("$ref")}], **found}
    return found


if __name__ == "__main__":
    sys.stdout.write(text())
