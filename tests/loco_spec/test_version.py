"""Versions as they are compared."""

import pytest

from loco_spec.version import VERSION, version_tuple


def test_versions_are_compared_by_their_numbers() -> None:
    assert version_tuple("0.10.0") > version_tuple("0.9.9")
    assert version_tuple(VERSION) >= (0, 1, 0)


@pytest.mark.parametrize("text", ["", "1.x", "v1.2", "1..2", "-1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        version_tuple(text)
