"""Names and values of variables, as both sides judge them."""

import pytest
from pydantic import ValidationError

from loco_spec.variables import NAME_MAX, VALUE_MAX, VariablesChange, fault, is_name


@pytest.mark.parametrize("name", ["A", "_", "a_B9", "LOCO_APP", "X" * NAME_MAX])
def test_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "9A", "A-B", "A B", "Ä", "A=", "A\n", "X" * (NAME_MAX + 1)])
def test_no_name(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValidationError):
        VariablesChange(unset=(name,))


def test_a_value_is_as_long_as_linux_lets_it_and_no_longer() -> None:
    longest = "v" * (VALUE_MAX - len("KEY=") - 1)
    assert fault("KEY", longest) is None
    assert "128 KiB" in str(fault("KEY", longest + "v"))


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_that_no_environment_can_hold_is_refused_without_being_shown(value: str) -> None:
    said = fault("KEY", f"sesame{value}")
    assert said
    assert "sesame" not in said


def test_a_change_changes_something_and_each_name_in_one_way() -> None:
    for wrong in ({}, {"set": {"A": "1"}, "unset": ("A",)}, {"set": {"A": "\0"}}):
        with pytest.raises(ValidationError):
            VariablesChange.model_validate(wrong)


def test_a_change_that_is_shown_is_shown_without_values() -> None:
    assert "sesame" not in repr(VariablesChange(set={"A": "sesame"}))
