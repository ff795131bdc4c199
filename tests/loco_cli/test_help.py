"""Help as it was written ahead: what Typer would say, in less time and on any terminal."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from loco_cli import generated, help  # noqa: A004  the page, not the built-in
from loco_cli.lazy import real
from loco_cli.main import ALIASES, COMMANDS, app
from tests.loco_cli.conftest import Loco

PAGES = json.loads(generated.read("help.json"))["pages"]
EVERY_PAGE = pytest.mark.parametrize("words", PAGES, ids=lambda words: words.replace(" ", "-") or "loco")


def typers(command: Any, above: Any, name: str) -> Iterator[tuple[str, str]]:
    """Give the words of each command, and the help that Typer writes for it."""
    context = command.context_class(command, info_name=name, parent=above, **command.context_settings)
    yield context.command_path.removeprefix("loco").strip(), context.get_help()
    inner = {each: real(each, COMMANDS[each][0]) for each in COMMANDS} if above is None else vars(command)
    for each, found in (inner if above is None else inner.get("commands", {})).items():
        yield from typers(found, context, each)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("columns", ["80", "60"])
def test_each_page_says_what_typer_says(loco: Loco, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for words, wanted in typers(app(), None, "loco"):
        found = loco(*words.split(), "--help")
        rest = squeezed(found.out)
        for part in squeezed(wanted).split("..."):  # what Typer cuts off is there
            assert part in rest, f"loco {words} --help"
            rest = rest[rest.index(part) + len(part) :]


@EVERY_PAGE
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, loco: Loco, words: str) -> None:
    stays = [content for kind, _, content in PAGES[words]["lines"] if kind == "line" or "\b" in content]
    examples = {line.strip() for content in stays for line in content.splitlines()}
    for columns in (120, 80, 50):
        monkeypatch.setenv("COLUMNS", str(columns))
        for line in loco(*words.split(), "--help").out.splitlines():
            as_it_stands = " " not in line.strip() or (columns < 80 and line.strip() in examples)
            assert len(line) <= min(columns, 80) or as_it_stands, line


@EVERY_PAGE
def test_a_group_alone_is_answered_with_its_help_on_stderr(loco: Loco, words: str) -> None:
    if PAGES[words]["alone"]:
        found = loco(*words.split())
        assert (found.code, found.out) == (2, "")
        assert found.err == loco(*words.split(), "-h").out


def test_without_the_pages_typer_answers(loco: Loco, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [loco("status", "-h"), loco("teams")]

    def read(name: str) -> str:
        raise FileNotFoundError(name)

    monkeypatch.setattr(generated, "read", read)
    for mine, typers in zip(ours, [loco("status", "-h"), loco("teams")], strict=True):
        assert mine.code == typers.code
        assert (mine.out + mine.err).splitlines()[0] == (typers.out + typers.err).splitlines()[0]


@pytest.mark.parametrize("args", [["nosuch", "--help"], ["deploy", "nosuch", "-h"], ["--colour", "-h"], ["-h", "x"]])
def test_what_is_no_page_is_typers_business(args: list[str]) -> None:
    assert help.shown(args) is None


def test_an_alias_has_the_page_of_what_it_stands_for(loco: Loco) -> None:
    for alias, name in ALIASES.items():
        assert loco(alias, "-h").out == loco(name, "-h").out


def test_words_are_not_broken_and_two_spaces_stay() -> None:
    rows = [("--a", "one --b=type=secret two.  x"), ("--longer-than-half-the-line", "y")]
    assert list(help.lines([("rows", 2, rows), ("text", 4, "\b\nas it\n  stands\n\nwrapped\nhere")], 34)) == [
        "  --a  one --b=type=secret two.",
        "       x",
        "  --longer-than-half-the-line",
        "       y",
        "    as it",
        "      stands",
        "",
        "    wrapped here",
    ]
