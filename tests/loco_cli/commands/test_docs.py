"""`loco docs`: pages, tables of loco.toml, errors by their code."""

import pydoc
import sys

import pytest

from loco_spec import docs
from tests.loco_cli.conftest import Loco


def test_the_reference_is_what_comes_without_a_topic(loco: Loco) -> None:
    said = loco("docs")
    assert said.code == 0
    assert said.out.startswith(docs.page("loco.toml") or "-")
    assert "topics: " in said.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("errors", "# Errors"),
        ("errors.md", "# Errors"),
        ("health", "[health]"),
        ("[health]", "[health]"),
        ("health.interval", "[health]"),
        ("routes", "[[routes]]"),
        ("config-invalid", "### config-invalid"),
        ("Image-Refused", "### image-refused"),
        ("rollback", "## loco rollback"),
        ("variables set", "### loco variables set"),
    ],
)
def test_a_topic_is_a_page_a_table_an_error_or_a_command(loco: Loco, topic: str, words: str) -> None:
    assert loco("docs", topic).out.startswith(words)


def test_an_unknown_topic_is_told_with_the_nearest(loco: Loco) -> None:
    said = loco("docs", "helth")
    assert said.code == 2
    assert "next: loco docs health\n" in said.err
    assert "next: loco docs: architecture, builders, ci, cli, errors" in loco("docs", "zzzz").err


def test_a_program_gets_the_text(loco: Loco) -> None:
    result = loco("docs", "health", "--json").json["result"]
    assert result["text"].startswith("[health]")
    assert "errors" in result["topics"]


def test_a_terminal_gets_a_pager(loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr(pydoc, "pager", paged.append)
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    assert loco("docs", "health").out == ""
    assert paged[0].startswith("[health]")
