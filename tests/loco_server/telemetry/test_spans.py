"""Spans reach a real collector; without one they cost nothing, and nothing of them is imported."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from loco_server.telemetry import spans
from loco_server.telemetry.metrics import Metrics, phased
from loco_server.telemetry.watched import watched
from tests.collector import Collector, collecting
from tests.loco_server.telemetry.conftest import Asked

pytestmark = pytest.mark.anyio
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


class Engine:
    @phased("pull")
    async def pull(self) -> str:
        return "pulled"

    async def roll(self) -> str:
        return await self.pull()

    async def check(self) -> None:
        raise OSError("planted-secret")


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        spans.begin()
        try:
            yield found
        finally:
            await spans.end()


async def test_a_request_is_a_span_of_the_trace_that_a_proxy_of_ours_names_and_of_no_other(
    asked: Asked, collector: Collector
) -> None:
    await asked.client.get("/v1/apps/shop?token=planted-secret", headers=PARENT)
    asked.trusted = True
    answer = await asked.client.get("/v1/apps/shop", headers=PARENT)
    await asked.client.get("/v1/broken")
    await spans.end()
    own, given = collector.named("GET /v1/apps/{app}")
    assert (own.parent, own.trace == TRACE) == ("", False)
    assert (given.parent, given.trace) == (CALLER, TRACE)
    assert given.service == "loco-server"
    assert given.attributes["loco.request_id"] == answer.headers["x-request-id"]
    assert given.attributes["http.response.status_code"] == 200
    [broken] = collector.named("GET /v1/broken")
    assert broken.failed
    assert "planted" not in repr(collector.spans)


async def test_a_rollouts_phases_are_spans_within_it_and_counted(collector: Collector) -> None:
    metrics = Metrics()
    engine = watched(Engine(), "engine", metrics)
    with metrics.rollout():
        assert await engine.roll() == "pulled"
    with pytest.raises(OSError, match="planted"):
        await engine.check()
    await spans.end()
    [rollout], [roll], [pull] = (collector.named(name) for name in ("rollout", "roll", "pull"))
    assert (rollout.parent, roll.parent, pull.parent) == ("", rollout.id, roll.id)
    [check] = collector.named("engine.check")
    assert check.failed
    assert "planted" not in repr(collector.spans)
    count = metrics.registry.get_sample_value
    assert count("loco_rollout_phase_seconds_count", {"phase": "pull", "result": "done"}) == 1
    assert count("loco_call_seconds_count", {"of": "engine", "call": "check", "result": "failed"}) == 1


async def test_a_collector_that_is_away_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(spans, "END_SECONDS", 0.1)
    spans.begin()
    with spans.span("lost"):
        pass
    await spans.end()
    assert spans.ids() == {}


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    program = (
        "import sys; from loco_server.telemetry import spans; import loco_server.local.server, loco_server.main\n"
        "spans.begin()\n"
        "with spans.span('x'): pass\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, env={}).returncode == 0
