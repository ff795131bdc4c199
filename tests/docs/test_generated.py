"""What is generated of docs/ is what its generators make."""

from pathlib import Path

from docs.__main__ import stale

DOCS = Path(__file__).parents[2] / "docs"


def test_no_generated_page_is_stale() -> None:
    assert list(stale(DOCS)) == [], "run scripts/gen-docs"
