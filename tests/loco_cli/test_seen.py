"""Names for a TAB: kept by whoever hears of them, and harmless whatever they are."""

from pathlib import Path

import pytest

from loco_cli import seen


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "loco/names"


def test_the_newest_names_replace_the_older(names: Path) -> None:
    seen.remember("app", ["shop", "hello"])
    seen.remember("app", ["blog"])
    seen.remember("team", ["acme"])
    assert (names / "app").read_text() == "blog\n"
    assert (names / "team").read_text() == "acme\n"
    assert sorted(path.name for path in names.iterdir()) == ["app", "team"]


def test_what_is_no_name_is_not_kept_and_no_more_than_some_hundred(names: Path) -> None:
    seen.remember("app", ["$(rm -rf /)", "a b", "a\nb", "", "../x", "fine-1"])
    assert (names / "app").read_text() == "fine-1\n"
    seen.remember("app", (f"app-{n}" for n in range(1000)))
    assert len((names / "app").read_text().splitlines()) == seen.MOST


def test_a_folder_that_cannot_be_made_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loco").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen.remember("app", ["shop"])
    assert (tmp_path / "loco").read_text() == "no folder"
