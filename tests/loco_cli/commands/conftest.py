"""Fixtures of the commands' tests."""

from pathlib import Path

import pytest

from tests.loco_cli.build.docker import Docker
from tests.loco_cli.commands.deploying import use


@pytest.fixture
def shop(folder: Path) -> Path:
    """An app's folder with the least that can be deployed."""
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The person's engine, which builds and pushes whatever it is given."""
    return use(monkeypatch, Docker())
