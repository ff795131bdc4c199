"""Fixtures of the server's tests."""

from pathlib import Path

import pytest

from loco_server.settings import Settings
from tests.loco_server.records.databases import migrated_sqlite, records, records_url, records_url_of_each

__all__ = ["migrated_sqlite", "records", "records_url", "records_url_of_each", "settings"]


@pytest.fixture(autouse=True)
def impatient_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that is away in these tests stays away."""
    monkeypatch.setattr("loco_server.flows.gates.REGISTRY_AWAY_SECONDS", 0.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)
