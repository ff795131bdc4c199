"""Fixtures of the server's tests."""

from pathlib import Path

import pytest

from loco_server.settings import Settings
from tests.loco_server.records.databases import records

__all__ = ["records", "settings"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)
