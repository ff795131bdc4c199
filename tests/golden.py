"""What was agreed on, in a file: compared, or with --rewrite-golden written anew, to be looked at in the diff."""

from difflib import unified_diff
from pathlib import Path

import pytest


def compared(request: pytest.FixtureRequest, golden: Path, shown: str) -> None:
    if request.config.getoption("--rewrite-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    agreed = golden.read_text()
    difference = "\n".join(unified_diff(agreed.splitlines(), shown.splitlines(), "agreed", "shown", lineterm="", n=1))
    assert shown == agreed, f"if this is meant: pytest --rewrite-golden\n{difference}"
