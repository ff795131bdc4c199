"""What is looked at beside the requests goes on being looked at."""

import asyncio

import pytest

from loco_server.serving import readiness as readiness_module
from loco_server.serving.readiness import Readiness
from tests.loco_server.fakes import FakeEngine
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


async def test_a_look_that_stumbles_is_told_and_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness_module, "ENGINE_EVERY", 0.01)
    readiness, engine, looks = Readiness("the Kubernetes API"), FakeEngine(), 0

    async def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("surprise")

    engine.check = check  # type: ignore[method-assign]
    watching = asyncio.create_task(readiness.watch_engine(engine))

    async def answered() -> bool:
        return "the Kubernetes API has not answered yet" not in readiness.reasons

    try:
        await eventually_async(answered)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert "stumbled" in caplog.text
