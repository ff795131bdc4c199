"""How patient the gates are with a registry that does not answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from loco_server.flows import gates
from loco_server.flows.gates import REGISTRY_AWAY_SECONDS, Gates
from loco_server.records.values import AppRecord
from loco_server.registries.base import RegistryDownError
from loco_server.scanners.none import NoScanner
from loco_spec import names
from loco_spec.errors import ImageRefused
from loco_spec.kinds.service import Service
from tests.loco_server.fakes import FakeRegistry
from tests.loco_server.records.databases import DIGEST

pytestmark = pytest.mark.anyio

APP = AppRecord(
    id="a" * 10, team_id="t" * 10, team="acme", name="shop", pull_generation=1, created_at=datetime.now(UTC)
)
REPOSITORY = names.repository(APP.team, APP.name, APP.id)


class Time:
    """Passes when somebody sleeps; `then` is called after each second."""

    def __init__(self, then: Callable[[float], None] = lambda _: None) -> None:
        self.now = 50.0
        self._then = then

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._then(self.now - 50.0)


@pytest.fixture
def registry() -> FakeRegistry:
    found = FakeRegistry()
    found.push(REPOSITORY, DIGEST)
    found.down = True
    return found


async def passed(registry: FakeRegistry, time: Time, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int | None]:
    monkeypatch.setattr(gates, "REGISTRY_AWAY_SECONDS", REGISTRY_AWAY_SECONDS)  # other tests have no patience at all
    monkeypatch.setattr(gates, "time", time)
    monkeypatch.setattr(gates, "asyncio", SimpleNamespace(sleep=time.sleep))
    judges = Gates(cast("Any", registry), NoScanner(), "linux/amd64", ())
    return await judges.passed(APP, Service(name="shop"), DIGEST, image_bytes=1 << 30)


async def test_a_registry_that_is_back_within_its_time_lets_the_image_through(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def back(after: float) -> None:
        registry.down = after < REGISTRY_AWAY_SECONDS

    time = Time(back)
    assert await passed(registry, time, monkeypatch) == (10001, None)
    assert time.now == 50 + REGISTRY_AWAY_SECONDS


async def test_one_that_stays_away_longer_is_told(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    with pytest.raises(RegistryDownError):
        await passed(registry, time, monkeypatch)
    assert time.now == 50 + REGISTRY_AWAY_SECONDS


async def test_an_image_that_is_not_there_is_refused_without_waiting(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.down, time = False, Time()
    registry.images.clear()
    with pytest.raises(ImageRefused):
        await passed(registry, time, monkeypatch)
    assert time.now == 50
