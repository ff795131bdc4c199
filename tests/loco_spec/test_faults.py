"""Places in words."""

import pytest

from loco_spec.faults import dotted, place
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
