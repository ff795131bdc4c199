"""Rollback: what served before as a new number, and every reason why it cannot be."""

from typing import Any

import httpx
import pytest

from loco_server.records.values import AppRecord, DeploymentRecord
from loco_spec import again, names
from loco_spec.api import Deployment
from loco_spec.errors import Conflict, NotFound, RegistryUnreachable
from tests.loco_server.http.api import Api, created, live, push, refused

pytestmark = pytest.mark.anyio
SHOP = "/v1/teams/ann/apps/shop"
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


async def served(server: Api, ann: httpx.AsyncClient, digest: str, **spec: Any) -> int:
    """Take a deployment with this image to live."""
    made = await created(ann, spec=spec)
    assert (await push(server, ann, made, digest=digest)).status_code == 200
    await roll(server)
    return made.deployment.number


async def roll(server: Api) -> None:
    """Do the worker's part for all that waits."""
    for item in await server.records.claims.claim("worker"):
        await server.records.deployments.move(item.app_id, item.number, "rolling", of=("accepted",), message="rolling")
        assert await server.records.claims.promote(item, message="live")


async def back(ann: httpx.AsyncClient, **asked: Any) -> again.Rollback:
    answer = await ann.post(f"{SHOP}/rollback", json=asked)
    assert answer.status_code == 200, answer.text
    return again.Rollback.model_validate(answer.json())


async def new(ann: httpx.AsyncClient, **asked: Any) -> Deployment:
    made = (await back(ann, **asked)).deployment
    assert made is not None
    return made


async def app(server: Api) -> AppRecord:
    found = await server.records.apps.find((await server.records.team()).id, "shop")
    assert found is not None
    return found


async def record(server: Api, number: int) -> DeploymentRecord:
    found = await server.records.deployments.get((await app(server)).id, number)
    assert found is not None
    return found


async def test_image_configuration_routes_and_versions_of_variables_come_back_together(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "old", "B": "1"}})
    await served(server, ann, ONE, env={"LOG": "info"}, routes=[{"host": "shop"}])
    await ann.post(f"{SHOP}/variables", json={"set": {"A": "new", "C": "1"}, "unset": ["B"], "stage": True})
    await served(server, ann, TWO, env={"LOG": "debug"}, routes=[{"host": "store"}])
    looked = again.Rollback.model_validate((await ann.get(f"{SHOP}/rollback")).json())
    assert (looked.to.number, looked.live.number, looked.deployment) == (1, 2, None)
    done = await back(ann)
    assert done.changes == looked.changes
    assert done.deployment is not None
    assert (done.deployment.number, done.deployment.action, done.deployment.base) == (3, "rollback", 1)
    await roll(server)
    first, now = await record(server, 1), await record(server, 3)
    assert (now.state, now.digest, now.user_id) == ("live", ONE, 10001)
    assert (now.spec, now.routes, now.variables) == (first.spec, first.routes, {"A": 1, "B": 1})
    fields = {change.field for change in done.changes}
    assert {"digest", "env.LOG", "variables.A", "variables.B", "variables.C"} <= fields
    assert "old" not in str(done)


async def test_a_rollback_is_undone_by_the_next_one_and_its_target_is_a_target_again(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    await new(ann)
    await roll(server)
    second = await new(ann)
    assert (second.base, second.digest) == (2, TWO)
    await roll(server)
    third = await new(ann, number=3)
    assert (third.base, third.digest) == (3, ONE)


async def test_what_differs_in_nothing_is_passed_over_and_is_no_new_number(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    await ann.post(f"{SHOP}/redeploy")
    await roll(server)
    for number in (3, 2):
        same = await back(ann, number=number)
        assert (same.unchanged, same.deployment, same.changes) == (True, None, ())
    assert (await record(server, 3)).state == "live"
    assert (await new(ann)).base == 1


async def test_what_failed_is_no_target_and_the_answer_lists_what_is(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    failed = await created(ann)
    await push(server, ann, failed, digest=TWO)
    await server.records.deployments.move(
        (await app(server)).id, 2, "failed", of=("accepted",), message="it exited with 3"
    )
    await served(server, ann, TWO)
    error = refused(await ann.post(f"{SHOP}/rollback", json={"number": 2}))
    assert isinstance(error, Conflict)
    assert error.message == "v2 never was live, it is failed: it exited with 3"
    assert error.hint == "what can come back: v1: loco rollback v1"
    assert (await new(ann)).base == 1


async def test_who_goes_back_after_a_failure_is_told_what_is_taken_back(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    await created(ann)
    await server.records.deployments.move((await app(server)).id, 3, "failed", of=("created",), message="no")
    looked = again.Rollback.model_validate((await ann.get(f"{SHOP}/rollback")).json())
    assert looked.notes == ("v3 is failed and never served: what is taken back is v2",)
    assert (await back(ann, number=1)).notes == ()


@pytest.mark.parametrize("number", [9, None])
async def test_without_anything_to_go_back_to_nothing_is_done(
    server: Api, ann: httpx.AsyncClient, number: int | None
) -> None:
    await created(ann)
    assert isinstance(refused(await ann.post(f"{SHOP}/rollback", json={"number": number})), NotFound)
    await served(server, ann, ONE)
    error = refused(await ann.post(f"{SHOP}/rollback", json={"number": number}))
    assert isinstance(error, Conflict if number is None else NotFound)
    assert "loco deploy" in error.hint


async def test_an_image_that_is_gone_from_the_registry_cannot_come_back(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    repository = names.repository("ann", "shop", (await app(server)).id)
    server.registry.down = True
    assert isinstance(refused(await ann.post(f"{SHOP}/rollback")), RegistryUnreachable)
    server.registry.down = False
    await server.registry.delete(repository, ONE)
    for answer in (await ann.get(f"{SHOP}/rollback"), await ann.post(f"{SHOP}/rollback")):
        assert refused(answer).message == "v1 cannot come back: its image is not in the registry any more"
    assert (await record(server, 2)).state == "live"


async def test_a_purged_value_and_a_host_of_another_team_are_named(server: Api, ann: httpx.AsyncClient) -> None:
    await ann.post(f"{SHOP}/variables", json={"set": {"KEY": "s3cret"}})
    await served(server, ann, ONE)
    await ann.post(f"{SHOP}/variables", json={"unset": ["KEY"], "stage": True})
    await served(server, ann, TWO)
    await ann.post(f"{SHOP}/variables/KEY/purge")
    error = refused(await ann.post(f"{SHOP}/rollback"))
    assert error.message == "v1 cannot come back: the value of KEY was purged"
    assert error.hint == "loco deploy: nothing that served before can come back"


async def test_a_host_that_is_another_teams_by_now_is_named(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE, routes=[{"host": "store.example.com"}])
    await served(server, ann, TWO, routes=[{"host": "shop"}])
    from datetime import UTC, datetime

    from sqlalchemy import update

    from loco_server.records.tables import HOSTS

    async with server.records.database.write() as db:
        await db.execute(update(HOSTS).where(HOSTS.c.host == "store.example.com").values(free_at=datetime.now(UTC)))
    bob = await server.client("bob")
    await live(server, bob, "bob", "store", spec={"routes": [{"host": "store.example.com"}]})
    error = refused(await ann.post(f"{SHOP}/rollback"))
    assert error.message == "v1 cannot come back: store.example.com/ belongs to another app by now"


async def test_a_rollout_ahead_is_named_and_a_build_that_comes_later_is_superseded(
    server: Api, ann: httpx.AsyncClient
) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    building = await created(ann)
    assert (await new(ann)).number == 4
    error = refused(await ann.post(f"{SHOP}/rollback"))
    assert error.message == "v4 (rollback) by ann is accepted; a rollback waits for its end"
    late = await push(server, ann, building, digest=ONE)
    assert late.json()["state"] == "superseded"


async def test_nothing_is_done_where_another_is_live_than_was_looked_at(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    await served(server, ann, ONE, env={"A": "1"})
    error = refused(await ann.post(f"{SHOP}/rollback", json={"number": 1, "live": 2}))
    assert error.message == "v3 by ann is live by now, and not v2; nothing was changed"
    assert (await new(ann, number=1, live=3)).base == 1


async def test_a_viewer_and_an_app_that_goes_are_refused(server: Api, ann: httpx.AsyncClient) -> None:
    await served(server, ann, ONE)
    await served(server, ann, TWO)
    await server.records.apps.mark_destroying((await app(server)).id)
    assert refused(await ann.post(f"{SHOP}/rollback")).message == "shop is being destroyed; wait a moment"


@pytest.mark.parametrize("command", [None, ["migrate"]])
async def test_whether_there_is_a_release_command_to_run_is_told(
    server: Api, ann: httpx.AsyncClient, command: list[str] | None
) -> None:
    await served(server, ann, ONE, **({} if command is None else {"deploy": {"release_command": command}}))
    await served(server, ann, TWO)
    assert (await back(ann)).has_release_command is (command is not None)
