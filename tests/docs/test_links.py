"""Every relative link of the Markdown pages leads to a file that is there and, with a `#`, to a heading of it."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
)
_FENCED = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)|^ {0,3}\[[^\]]+\]:\s+<?([^>\s]+)>?", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#* *$", re.MULTILINE)


def prose(text: str) -> str:
    """Drop what Markdown takes as it stands: a comment in a block of code is no heading."""
    return _FENCED.sub("", text)


def links(text: str) -> Iterator[str]:
    """Give the targets of links and images that stay in this repository."""
    for inline, named in _LINK.findall(_CODE.sub("", prose(text))):
        target = inline or named
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def anchors(text: str) -> frozenset[str]:
    """Give the names of the headings, as GitHub makes them."""
    found = set()
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def fault(page: Path, target: str) -> str | None:
    """Say what is wrong with one link."""
    path, _, anchor = unquote(target).partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_relative_to(ROOT):
        return f"{target} leads out of the repository"
    if not file.exists():
        return f"{target} leads to nothing"
    if anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text())):
        return f"{target} leads to no heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    found = [fault(page, target) for target in links(page.read_text())]
    assert [each for each in found if each is not None] == []


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [(page.parent / unquote(target).partition("#")[0]).resolve() for target in links(page.read_text())]
        targets += [target / "README.md" for target in targets if target.is_dir()]
        waiting += [target for target in targets if target.suffix == ".md" and target.is_file()]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - seen == set()


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("### server-fault (cause)", "server-fault-cause"),
        ("## What `loco` can't do: yet", "what-loco-cant-do-yet"),
        ("# [Linked](x.md) & more", "linked--more"),
    ],
)
def test_a_heading_is_named_as_on_github(heading: str, anchor: str) -> None:
    assert anchors(f"text\n{heading}\n{heading}\n") == {anchor, f"{anchor}-1"}


def test_what_stands_in_code_is_neither_link_nor_heading() -> None:
    text = "```toml\n# [no](gone.md)\n```\n`[no](gone.md)` and [`a` name](there.md#part)\n[one]: <https://x.example>\n"
    assert list(links(text)) == ["there.md#part"]
    assert anchors(text) == frozenset()
