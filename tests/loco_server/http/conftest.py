"""The API and a person who is signed in to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.loco_server.http.api import Api, running
from tests.loco_server.records.databases import Records


@pytest.fixture
async def server(records: Records, tmp_path: Path) -> AsyncIterator[Api]:
    async with running(records, tmp_path) as found:
        yield found


@pytest.fixture
async def ann(server: Api) -> httpx.AsyncClient:
    return await server.client("ann")
