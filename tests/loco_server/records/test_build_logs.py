import pytest

from loco_server.records.build_logs import BuildLogs
from loco_server.records.kept_logs import KEPT_DEPLOYMENTS
from loco_server.records.values import AppRecord
from loco_spec.kinds.service import Service
from tests.loco_server.records.databases import Records

pytestmark = pytest.mark.anyio


async def begun(records: Records, app: AppRecord) -> int:
    item = await records.deployments.create(app, Service(name=app.name), [], action="deploy", created_by="ann")
    return item.number


async def test_a_log_comes_back_as_it_was_put_and_a_second_replaces_it(records: Records) -> None:
    app = await records.app()
    logs = BuildLogs(records.database)
    number = await begun(records, app)
    assert await logs.keep(app.id, number, "first\n")
    assert await logs.keep(app.id, number, "second: grün\n")
    found = await logs.get(app.id, number)
    assert found is not None
    assert (found.deployment, found.text) == (number, "second: grün\n")


async def test_a_zero_character_does_not_stop_a_log(records: Records) -> None:
    app = await records.app()
    logs = BuildLogs(records.database)
    assert await logs.keep(app.id, await begun(records, app), "a\0b")
    found = await logs.get(app.id, None)
    assert found is not None
    assert found.text == "a\N{REPLACEMENT CHARACTER}b"


async def test_the_newest_log_is_the_one_of_the_newest_deployment_that_has_one(records: Records) -> None:
    app = await records.app()
    logs = BuildLogs(records.database)
    assert await logs.get(app.id, None) is None
    first, second, without = [await begun(records, app) for _ in range(3)]
    await logs.keep(app.id, second, "two")
    await logs.keep(app.id, first, "one")
    newest = await logs.get(app.id, None)
    assert newest is not None
    assert newest.text == "two"
    assert await logs.get(app.id, without) is None


async def test_a_deployment_that_waits_for_no_image_takes_no_log_and_keeps_the_one_it_has(records: Records) -> None:
    app = await records.app()
    logs = BuildLogs(records.database)
    number = await begun(records, app)
    await logs.keep(app.id, number, "the build")
    await records.deployments.move(app.id, number, "cancelled", of=("created",), message="cancelled")
    assert not await logs.keep(app.id, number, "another")
    assert not await logs.keep(app.id, 99, "of none")
    found = await logs.get(app.id, number)
    assert found is not None
    assert found.text == "the build"


async def test_only_the_last_logs_of_an_app_are_kept_and_those_of_others_stay(records: Records) -> None:
    app, other = await records.app(), await records.app("other")
    logs = BuildLogs(records.database)
    await logs.keep(other.id, await begun(records, other), "other")
    for _ in range(KEPT_DEPLOYMENTS + 2):
        await logs.keep(app.id, await begun(records, app), "text")
    kept = [number for number in range(1, KEPT_DEPLOYMENTS + 3) if await logs.get(app.id, number) is not None]
    assert kept == list(range(3, KEPT_DEPLOYMENTS + 3))
    assert await logs.get(other.id, 1) is not None


async def test_a_destroyed_apps_logs_go_with_it(records: Records) -> None:
    app = await records.app()
    logs = BuildLogs(records.database)
    await logs.keep(app.id, await begun(records, app), "text")
    await records.apps.delete(app.id)
    assert await logs.get(app.id, None) is None
