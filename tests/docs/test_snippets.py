"""Every snippet of README.md and docs/ is read and judged; tests/e2e/test_pages.py runs what is typed."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.docs.checking import CHECKS
from tests.docs.snippets import PAGES, ROOT, Block, Typed, blocks, typed
from tests.docs.spoken import fault

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def faults(block: Block) -> str | None:
    """Say what is wrong with a snippet."""
    check = CHECKS.get(block.language)
    if check is None:
        return f"{block}: nothing here can run {block.language or 'a block without a language'!r}"
    try:
        check(block)
    except Exception as e:  # noqa: BLE001  whatever it is, it is told with its place
        return f"{block}: {type(e).__name__}: {e}"
    return None


@EACH_PAGE
def test_every_snippet_of_the_page_is_good(page: Path) -> None:
    assert [found for block in blocks(page) if (found := faults(block))] == []


@EACH_PAGE
def test_every_command_that_the_page_names_is_there(page: Path) -> None:
    text = re.sub(r"^ *(```|~~~).*?^ *\1", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`((?:loco|loco-server) [^`]+)`", text)
    assert [found for each in named if (found := fault(each.replace("\\|", "|").split()))] == []


def test_what_is_not_run_here_is_told_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    told: dict[str, list[str]] = defaultdict(list)
    for page in PAGES:
        for block in blocks(page):
            if block.reason:
                told[block.reason].append(str(block))
    with capsys.disabled():
        print("\nsnippets that are read and not run:")  # noqa: T201
        for reason, places in sorted(told.items()):
            print(f"  {reason}: {', '.join(places)}")  # noqa: T201
    assert all(reason.strip() for reason in told)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "a picture"),
        ("basic", "10 GOTO 10"),
        ("sh", "loco deploy --now"),
        ("sh", "kubectl exec deploy/loco-server -- loco-server admin chek"),
        ("sh", "if true; then"),
        ("console", "$ loco rollbak"),
        ("toml", "nmae = 'shop'"),
        ("json", "{'a': 1}"),
        ("yaml", "a: [1"),
        ("yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { prots: [] }"),
        ("python", "print(1 / 0)"),
        ("dockerfile", "FROM scratch"),
        ("systemd", "[Service]\nExecStart=/bin/true\nRestart=perhaps"),
    ],
)
def test_a_snippet_that_would_not_work_is_found(language: str, text: str) -> None:
    assert faults(Block(Path("page.md"), 1, language, text)) is not None


def test_a_workflow_that_its_runner_would_refuse_is_found() -> None:
    block = Block(Path("page.md"), 1, "yaml", "on: push\njobs: { a: { steps: [] } }", file=".github/workflows/a.yml")
    assert faults(block) is not None
    job = "on: push\njobs: { a: { runs-on: ubuntu-24.04, steps: [{ run: loco }] } }"
    assert faults(Block(Path("page.md"), 1, "yaml", job, file=".github/workflows/a.yml")) is None


def test_blocks_are_read_with_their_language_mark_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.snippets.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "Make it with this `www/index.html`:\n\n```html\n<p>\n\n```\n\n"
        "- a list:\n\n      loco apps\n\n"
        "<!-- not run: needs a cluster -->\n\n    kubectl get nodes\n\n    kubectl get pods\n\nand\n\n"
        "    $ cat > x <<'EOF'\n    $ y\n    EOF\n    $ loco \\\n      deploy\n    v1 of x\n\n    built\n"
    )
    found = blocks(page)
    assert [(each.line, each.language, each.file, each.reason) for each in found] == [
        (3, "html", "www/index.html", ""),
        (10, "sh", "", ""),
        (14, "sh", "", "needs a cluster"),
        (20, "console", "", ""),
    ]
    assert found[0].text == "<p>\n"
    assert typed(found[2]) == [Typed("kubectl get nodes\n\nkubectl get pods")]
    assert typed(found[3]) == [
        Typed("cat > x <<'EOF'\n$ y\nEOF", ""),
        Typed("loco \\\n  deploy", "v1 of x\n\nbuilt\n"),
    ]
