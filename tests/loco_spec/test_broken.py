"""Every way in which a loco.toml can be wrong, and the exact screen that tells so: `broken/NAME.toml`, `NAME.txt`."""

from pathlib import Path

import pytest

from loco_cli.ui.errors import lines
from loco_spec import toml
from loco_spec.errors import ConfigError

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_is_told_exactly_so(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("loco.toml").write_bytes(file.read_bytes())
    with pytest.raises(ConfigError) as caught:
        toml.load(Path())
    assert lines(caught.value) == file.with_suffix(".txt").read_text().splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_fault_is_in_its_place_and_in_order(file: Path) -> None:
    text = file.read_bytes().decode("utf-8-sig")
    with pytest.raises(ConfigError) as caught:
        toml.parse(text, default_name="shop")
    assert caught.value.hint.startswith("correct loco.toml")
    places = [(fault.line, fault.column) for fault in caught.value.fields if fault.line and fault.column]
    assert places == sorted(places)
    for fault in caught.value.fields:
        if fault.line and fault.source is not None:
            assert len(text.split("\n")[fault.line - 1].rstrip("\r")) == len(fault.source)


def test_no_broken_file_is_without_its_screen_and_there_are_sixty_at_least() -> None:
    assert {file.stem for file in FILES} == {file.stem for file in FOLDER.glob("*.txt")}
    assert len(FILES) >= 60
