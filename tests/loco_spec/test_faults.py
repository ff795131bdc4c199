"""Places in words."""

import pytest
from pydantic import ValidationError

from loco_spec.app import APP
from loco_spec.faults import dotted, place, told
from loco_spec.rules import Loc


@pytest.mark.parametrize(
    ("loc", "text"), [((), ""), (("health", "path"), "health.path"), (("ports", 0, "port"), "ports[0].port")]
)
def test_a_place_is_dotted_with_indices_in_brackets(loc: Loc, text: str) -> None:
    assert dotted(loc) == text


@pytest.mark.parametrize(
    ("loc", "known"),
    [
        (("service", "health", "path"), ("health", "path")),
        (("env", "A-B", "[key]"), ("env", "A-B")),
        (("health", "path"), ("health", "path")),
        ((), ()),
    ],
)
def test_what_only_the_validator_knows_is_no_part_of_a_place(loc: Loc, known: Loc) -> None:
    assert place(loc) == known


@pytest.mark.parametrize(
    ("data", "words"), [(5, "expected a table: the keys of loco.toml"), ({"health": 1}, "[health]")]
)
def test_what_is_no_table_is_told_which_one_it_should_be(data: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        APP.validate_python(data if data == 5 else {"name": "shop", **data})  # type: ignore[dict-item]
    assert words in told(caught.value)[0][1]
