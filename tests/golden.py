"""What was agreed on, in a file: compared, or with --rewrite-golden written anew, to be looked at in the diff."""

from pathlib import Path

import pytest


def compared(request: pytest.FixtureRequest, golden: Path, shown: str) -> None:
    if request.config.getoption("--rewrite-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert shown == golden.read_text(), "look at the difference; if it is meant: pytest --rewrite-golden"
