"""The JSON Schema is current, is draft-07, and says of a file what loco itself says, as far as a schema can."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from jsonschema import Draft7Validator

from loco_spec import schema
from tests.loco_spec import services

BROKEN = Path(__file__).parent / "broken"
REFERENCE = Path(__file__).parents[2] / "docs/loco.toml"


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    found = json.loads(schema.FILE.read_text())
    Draft7Validator.check_schema(found)
    return Draft7Validator(found)


def test_the_checked_in_file_is_what_the_models_say() -> None:
    assert schema.FILE.read_text() == schema.text(), "scripts/fix writes it anew"


def test_it_has_nothing_that_draft_07_lacks_and_no_null() -> None:
    text = schema.FILE.read_text()
    for word in ("$defs", '"const"', "2020-12", '"null"', "prefixItems", "discriminator"):
        assert word not in text

    def siblings(node: Any) -> list[Any]:
        if isinstance(node, list):
            return [found for item in node for found in siblings(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if "$ref" in node and len(node) > 1 else []
        return own + [found for item in node.values() for found in siblings(item)]

    assert siblings(json.loads(text)) == []


def test_every_key_says_what_it_is_for() -> None:
    found = json.loads(schema.FILE.read_text())
    tables = [found, *found["definitions"].values()]
    assert [key for table in tables for key, told in table["properties"].items() if not told.get("description")] == []


def test_the_reference_is_valid(validator: Draft7Validator) -> None:
    validator.validate(tomllib.loads(REFERENCE.read_text()))


@given(services.services())
def test_any_app_is_valid(app: Any) -> None:
    written = tomli_w.dumps(services.without_none(app.model_dump(mode="json")))
    Draft7Validator(schema.schema()).validate(tomllib.loads(written))


@pytest.mark.parametrize(
    "name",
    [
        "unknown-key",
        "unknown-table",
        "unknown-key-in-array-of-tables",
        "wrong-type-port-text",
        "wrong-type-array",
        "range-port",
        "range-replicas",
        "bad-cpu",
        "bad-memory",
        "bad-name",
        "bad-protocol",
        "missing-port",
        "kind-planned",
        "between-port-and-ports",
        "range-empty-command",
        "too-many-ports",
    ],
)
def test_what_a_schema_can_refuse_is_refused(validator: Draft7Validator, name: str) -> None:
    assert not validator.is_valid(tomllib.loads((BROKEN / f"{name}.toml").read_text()))
