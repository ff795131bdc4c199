"""Everything here runs on both databases."""

import pytest


@pytest.fixture
def records_url(records_url_of_each: str) -> str:
    return records_url_of_each
