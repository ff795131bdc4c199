from datetime import UTC, datetime

import pytest

from loco_server.records.kept_logs import KEPT_DEPLOYMENTS, KeptLogs, newest
from loco_spec.events import LogLine
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


def line(deployment: int, second: int, text: str = "hello") -> LogLine:
    return LogLine(
        instance=f"v{deployment}-1", deployment=deployment, at=f"2026-01-31T12:00:{second:02}.000000000Z", text=text
    )


def test_the_newest_lines_that_fit_are_kept() -> None:
    lines = [line(1, second, "x" * 9) for second in range(10)]
    assert newest(lines, size=30) == lines[-3:]
    assert newest(lines) == lines


async def test_kept_lines_come_back_in_order_of_time(records: Records) -> None:
    app = await records.app()
    keeper = KeptLogs(records.database)
    await keeper.keep(app.id, 2, "v2-1", [line(2, 5), line(2, 6)])
    await keeper.keep(app.id, 1, "v1-1", [line(1, 4), line(1, 7)])
    assert [kept.at[17:19] for kept in await keeper.kept(app.id)] == ["04", "05", "06", "07"]


async def test_keeping_an_instance_twice_keeps_it_once(records: Records) -> None:
    app = await records.app()
    keeper = KeptLogs(records.database)
    for lines in ([line(1, 1)], [line(1, 1), line(1, 2)]):
        await keeper.keep(app.id, 1, "v1-1", lines)
    assert len(await keeper.kept(app.id)) == 2


async def test_only_the_last_deployments_are_kept(records: Records) -> None:
    app = await records.app()
    keeper = KeptLogs(records.database)
    for number in range(1, KEPT_DEPLOYMENTS + 3):
        await keeper.keep(app.id, number, f"v{number}-1", [line(number, 1)])
    assert {kept.deployment for kept in await keeper.kept(app.id)} == set(range(3, KEPT_DEPLOYMENTS + 3))


async def test_since_when_a_deployments_lines_are_kept_no_more_is_known(records: Records) -> None:
    app = await records.app()
    keeper = KeptLogs(records.database)
    before = datetime.now(UTC)
    for number in range(1, KEPT_DEPLOYMENTS + 3):
        await keeper.keep(app.id, number, f"v{number}-1", [line(number, 1)])
    dropped = [await keeper.dropped_at(app.id, number) for number in (1, 2, 3, 99)]
    assert dropped[2:] == [None, None]
    assert all(at is not None and before <= at <= datetime.now(UTC) for at in dropped[:2])
    assert {kept.deployment for kept in await keeper.kept(app.id)} == set(range(3, KEPT_DEPLOYMENTS + 3))
    await keeper.keep(app.id, 1, "v1-2", [line(1, 2)])
    again = await keeper.dropped_at(app.id, 1)
    assert again is not None
    assert dropped[0] is not None
    assert again >= dropped[0]


async def test_one_instances_kept_lines_are_read_alone(records: Records) -> None:
    app = await records.app()
    keeper = KeptLogs(records.database)
    await keeper.keep(app.id, 1, "v1-1", [line(1, 1)])
    await keeper.keep(app.id, 2, "v2-1", [line(2, 2)])
    assert await keeper.kept(app.id, "v2-1") == [line(2, 2)]
