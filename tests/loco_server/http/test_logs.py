"""The lines of one deployment: what the engine has of them, and why it has none."""

from collections.abc import AsyncIterator

import httpx
import pytest

from loco_server.engines.base import LogQuery, NothingKeptError
from loco_server.records.kept_logs import KEPT_DEPLOYMENTS, KeptLogs
from loco_spec.events import LogBatch, LogLine
from tests.loco_server.http.api import Api, live

LOGS = "/v1/teams/ann/apps/shop/logs"
LINE = LogLine(instance="v1-1", deployment=1, at="2026-01-31T12:00:00.000000000Z", text="hello")


@pytest.fixture
def asked(server: Api, monkeypatch: pytest.MonkeyPatch) -> list[LogQuery]:
    """What the engine is asked, which has nothing."""
    found: list[LogQuery] = []

    async def nothing(query: LogQuery) -> AsyncIterator[LogBatch]:
        found.append(query)
        if query.deployment is not None and not query.follow:
            raise NothingKeptError
        yield LogBatch(position="")

    monkeypatch.setattr(server.engine, "logs", nothing)
    return found


@pytest.mark.anyio
async def test_a_deployment_and_a_time_reach_the_engine(
    server: Api, ann: httpx.AsyncClient, asked: list[LogQuery]
) -> None:
    await live(server, ann)
    await ann.get(LOGS, params={"deployment": "1", "until": "2026-01-31T12:00:00"})
    (query,) = asked
    assert (query.deployment, str(query.until)) == (1, "2026-01-31 12:00:00+00:00")


@pytest.mark.anyio
async def test_a_deployment_that_there_is_not_or_that_has_said_nothing_is_not_found(
    server: Api, ann: httpx.AsyncClient, asked: list[LogQuery]
) -> None:
    await live(server, ann)
    assert "shop has no deployment v7" in (await ann.get(LOGS, params={"deployment": "7"})).text
    assert asked == []
    answer = (await ann.get(LOGS, params={"deployment": "1"})).text
    assert "nothing is kept of v1, which is live: no instance of it has said anything" in answer
    assert '"code":"not-found"' in answer.replace(" ", "")


@pytest.mark.anyio
@pytest.mark.parametrize("follow", [{}, {"follow": "1"}])
async def test_since_when_a_deployments_lines_are_kept_no_more_and_why_is_told(
    server: Api, ann: httpx.AsyncClient, asked: list[LogQuery], follow: dict[str, str]
) -> None:
    await live(server, ann)
    (item,) = await server.records.deployments.in_state("live")
    keeper = KeptLogs(server.records.database)
    for number in range(1, KEPT_DEPLOYMENTS + 2):
        await keeper.keep(item.app_id, number, f"v{number}-1", [LINE])
    answer = (await ann.get(LOGS, params={"deployment": "1", **follow})).text
    assert "v1: not kept since 20" in answer
    assert "lines are kept of the last 10 deployments whose instances have ended" in answer
    assert len(asked) == (not follow)


@pytest.mark.anyio
async def test_what_is_over_is_not_followed(server: Api, ann: httpx.AsyncClient, asked: list[LogQuery]) -> None:
    await live(server, ann)
    assert (await ann.get(LOGS, params={"follow": "1", "until": "2026-01-31T12:00:00Z"})).status_code == 422
    assert asked == []
