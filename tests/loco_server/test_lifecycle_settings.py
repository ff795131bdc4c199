"""What an operator says about unused apps."""

import pytest

from loco_server.lifecycle_settings import LifecycleSettings, lifecycle_settings
from loco_server.settings import Ports, local_settings


def test_without_a_word_it_is_only_told() -> None:
    assert lifecycle_settings({}) == LifecycleSettings("dry-run", 180, 30, 60)


def test_everything_can_be_set() -> None:
    found = lifecycle_settings(
        {
            "LOCO_LIFECYCLE": "on",
            "LOCO_LIFECYCLE_UNUSED_DAYS": "90",
            "LOCO_LIFECYCLE_WARNED_DAYS": "14",
            "LOCO_LIFECYCLE_STOPPED_DAYS": "365",
        }
    )
    assert found == LifecycleSettings("on", 90, 14, 365)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCO_LIFECYCLE", "yes"),
        ("LOCO_LIFECYCLE", "ON"),
        ("LOCO_LIFECYCLE_UNUSED_DAYS", "0"),
        ("LOCO_LIFECYCLE_UNUSED_DAYS", "180d"),
        ("LOCO_LIFECYCLE_WARNED_DAYS", "-1"),
        ("LOCO_LIFECYCLE_STOPPED_DAYS", "1000000"),
    ],
)
def test_what_it_cannot_be_is_refused_by_name(name: str, value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        local_settings(tmp_path_factory.mktemp("data"), Ports(), {name: value})


def test_a_misspelt_name_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="there is no LOCO_LIFECYCLE_DAYS"):
        local_settings(tmp_path_factory.mktemp("data"), Ports(), {"LOCO_LIFECYCLE_DAYS": "7"})


def test_a_number_longer_than_any_is_refused_by_name_and_not_shown_whole() -> None:
    with pytest.raises(ValueError, match=r"LOCO_LIFECYCLE_UNUSED_DAYS is '9+…'; it is a number of days"):
        lifecycle_settings({"LOCO_LIFECYCLE_UNUSED_DAYS": "9" * 5000})
