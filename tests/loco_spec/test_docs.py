"""The documentation is there wherever loco is, whole and in parts."""

from pathlib import Path

import pytest

from loco_spec import docs


def test_the_pages_are_those_beside_the_package() -> None:
    assert {"errors.md", "loco.toml"} <= set(docs.pages())
    assert docs.page("loco.toml") == (Path(__file__).parents[2] / "docs/loco.toml").read_text()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/only.md").write_text("# Only\n")
    monkeypatch.setattr(docs, "_HERE", tmp_path)
    assert docs.pages() == ("only.md",)
    assert docs.page("only.md") == "# Only\n"


@pytest.mark.parametrize("name", ["nowhere.md", "../README.md", "/etc/passwd", "decisions", ""])
def test_what_is_no_page_is_none(name: str) -> None:
    assert docs.page(name) is None


def test_a_page_has_its_sections_by_their_headings() -> None:
    found = docs.sections("intro\n## One\na\n### two words\nb\n\n## Three\n")
    assert found == {"one": "## One\na\n", "two words": "### two words\nb\n", "three": "## Three\n"}


def test_the_reference_has_its_tables_by_their_names() -> None:
    found = docs.tables('name = "shop"\n\n[health] # told\npath = "/"\n[[ports]]\nport = 1\n[[ports]]\nport = 2\n')
    assert found == {
        "top": 'name = "shop"\n',
        "health": '[health] # told\npath = "/"\n',
        "ports": "[[ports]]\nport = 1\n[[ports]]\nport = 2\n",
    }
