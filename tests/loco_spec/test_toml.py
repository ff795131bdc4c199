"""loco.toml is found and read, or all its faults are told."""

from pathlib import Path

import pytest

from loco_spec import toml
from loco_spec.errors import ConfigError


def faults(text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        toml.parse(text, default_name="shop")
    return {fault.path: fault.message for fault in caught.value.fields}


def test_a_folder_without_a_file_and_one_with_an_empty_file_are_the_same_app(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    assert toml.find(folder) is None
    without = toml.load(folder)
    (folder / "loco.toml").touch()
    assert toml.find(folder) == folder / "loco.toml"
    assert toml.load(folder) == without
    assert without.name == "my-shop"


def test_a_name_in_the_file_wins_over_the_folders(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_text('name = "shop"')
    assert toml.load(tmp_path).name == "shop"


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "loco.toml").write_bytes(b'name = "sh\xffop"')
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 10\)"):
        toml.load(tmp_path)


def test_a_syntax_error_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"not TOML: .*line 2"):
        toml.parse("name = 'shop'\nport = = 1", default_name="x")


def test_all_faults_come_at_once_with_their_paths() -> None:
    found = faults('port = 0\n[health]\ninterval = "soon"\n[[routes]]\npath = "api"\n[nowhere]\nx = 1')
    assert set(found) == {"ports[0].port", "health.interval", "routes[0].path", "nowhere"}
    assert "10s" in found["health.interval"]


@pytest.mark.parametrize(
    ("text", "path", "near"),
    [
        ("prot = 1", "prot", "port"),
        ("[health]\nintervall = '1s'", "health.intervall", "interval"),
        ("[[ports]]\nport = 1\nprotocl = 'http'", "ports[0].protocl", "protocol"),
        ("[metrics]\nport = 1\npaths = '/'", "metrics.paths", "path"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_of_its_table(text: str, path: str, near: str) -> None:
    assert f'did you mean "{near}"?' in faults(text)[path]


def test_an_unknown_key_near_nothing_is_told_with_all_that_there_are() -> None:
    assert faults("[security]\nzzz = 1")["security.zzz"] == "unknown key; known here: read_only, user"


def test_one_fault_is_counted_in_the_singular() -> None:
    with pytest.raises(ConfigError, match=r"loco\.toml has 1 fault$"):
        toml.parse("prot = 1", default_name="x")
