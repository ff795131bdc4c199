"""Logs of pods: what was, what comes, what breaks off. Cuts by the dozen are in tests/kube/test_faults.py."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from loco_server.engines.base import EngineDownError, LogQuery, NothingKeptError
from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.logs.pods import runs
from loco_server.engines.kubernetes.logs.stream import stream
from loco_server.engines.kubernetes.logs.watching import Watching
from loco_spec.errors import NotFound
from loco_spec.events import LogLine
from tests.contract.engines import MemoryKeeper
from tests.kube.samples import APP, CLUSTER
from tests.kube.stub import Stub
from tests.kube.stub.server import begun, broken
from tests.kube.stub.store import PODS, Key, Log, Object
from tests.loco_server.engines.kubernetes.stubbed import SPACE, connected, pod, there
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


async def texts(api: KubernetesApi, query: LogQuery, enough: int) -> list[str]:
    found: list[str] = []
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(watching), aclosing(stream(api, MemoryKeeper(), watching, query)) as batches:
        async for batch in batches:
            found += [line.text for line in batch.lines]
            if len(found) >= enough:
                break
    return found


async def followed(stub: Stub, name: str) -> None:
    """Wait until somebody follows the pod's log."""

    async def asked() -> bool:
        return any(f"/{name}/log" in each.path and each.query.get("follow") for each in stub.requests)

    await eventually_async(asked)


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[tuple[Stub, KubernetesApi]]:
    found = Stub(bookmark_seconds=0.1)
    async with connected(found, tmp_path) as api:
        yield found, api


async def test_lines_of_all_pods_are_merged_by_time_and_the_tail_is_taken_of_the_whole(
    stub: tuple[Stub, KubernetesApi],
) -> None:
    found, api = stub
    pod(found, "web-a-00001", "a0", "a1", "a2")
    pod(found, "web-b-00002", "b0", "b1")
    assert await texts(api, LogQuery(app=APP), 5) == ["a0", "b0", "a1", "b1", "a2"]
    assert await texts(api, LogQuery(app=APP, tail=2), 2) == ["b1", "a2"]


async def test_the_container_before_the_restart_is_read_too(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    pod(found, "web-a-00001", "again", restarts=1)
    before = found.store.previous.setdefault((PODS, SPACE, "web-a-00001"), Log())
    before.say("it broke", "2026-11-26T11:59:00.000000001Z")
    assert await texts(api, LogQuery(app=APP), 2) == ["it broke", "again"]


async def test_a_pod_that_comes_while_one_follows_is_followed_too(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    pod(found, "web-a-00001", "first")
    reading = asyncio.create_task(texts(api, LogQuery(app=APP, follow=True), 3))
    await followed(found, "web-a-00001")
    pod(found, "web-b-00002", deployment=2).say("second")
    await followed(found, "web-b-00002")
    found.store.delete((PODS, SPACE, "web-a-00001"))
    pod(found, "web-c-00003", deployment=3).say("third")
    assert await asyncio.wait_for(reading, 10) == ["first", "second", "third"]


async def test_a_position_gives_exactly_what_came_after_it(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    log = pod(found, "web-a-00001", "zero", "one")
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(stream(api, MemoryKeeper(), watching, LogQuery(app=APP))) as batches:
        position = [batch.position async for batch in batches][-1]
    log.say("same", "2026-11-26T12:00:01.000000001Z")  # of the same time as the last that was read
    log.say("later", "2026-11-26T12:00:02.000000001Z")
    assert await texts(api, LogQuery(app=APP, position=position), 2) == ["same", "later"]


class Breaking(Stub):
    """Cuts a log that is only read in its middle."""

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:  # noqa: ARG002
        response = await begun(request)
        await response.write(b"2026-11-26T12:00:00.000000001Z half a li")
        return broken(request, response)


async def test_a_log_that_breaks_off_is_told_as_the_engines_and_last_words_do_without(tmp_path: Path) -> None:
    async with connected(stub := Breaking(), tmp_path) as api:
        pod(stub, "web-a-00001")
        with pytest.raises(EngineDownError):
            await texts(api, LogQuery(app=APP), 1)
        keeper = MemoryKeeper()
        await Keeping(api, keeper).keep_now(APP, there(stub))
        assert keeper.lines == {}


async def test_the_last_words_of_a_pod_that_ends_are_kept_to_its_very_end(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    log = pod(found, "web-a-00001", "up")
    keeper = MemoryKeeper()
    keeping = Keeping(api, keeper)
    ending = there(found)[0]
    keeping.see(APP, [ending | {"metadata": ending["metadata"] | {"deletionTimestamp": "now"}}])
    await followed(found, "web-a-00001")
    log.say("bye", "2026-11-26T12:00:09.000000001Z")
    found.store.delete((kinds.POD.path(), SPACE, "web-a-00001"))
    await asyncio.wait_for(keeping.settle(), 10)
    assert [line.text for line in keeper.lines[APP.app_id]] == ["up", "bye"]


class Leaving(MemoryKeeper):
    """A pod goes in the moment after it was listed."""

    def __init__(self, stub: Stub, *, name: str | None) -> None:
        super().__init__()
        self._stub, self._name = stub, name

    async def kept(self, app_id: str, instance: str | None = None) -> Sequence[LogLine]:
        if self._name is not None:
            self._stub.store.delete((PODS, SPACE, self._name))
            self._name = None
        return await super().kept(app_id, instance)


@pytest.mark.parametrize(
    ("phase", "goes", "shown"),
    [("Failed", False, ["migrating", "done"]), ("Running", True, ["migrating", "done"]), ("Running", False, [])],
)
async def test_a_pod_that_is_over_and_has_no_log_any_more_has_what_was_kept(
    stub: tuple[Stub, KubernetesApi], phase: str, goes: bool, shown: list[str]
) -> None:
    found, api = stub
    pod(found, "release-v1-00001", phase=phase)
    keeper = Leaving(found, name="release-v1-00001" if goes else None)
    said = [
        LogLine(instance="v1-00001", deployment=1, at=f"2026-11-26T12:00:0{n}.000000001Z", text=text)
        for n, text in enumerate(("migrating", "done"))
    ]
    await keeper.keep(APP.app_id, 1, "v1-00001", said)
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(watching):
        read = [batch async for batch in stream(api, keeper, watching, LogQuery(app=APP))]
        assert [line.text for batch in read for line in batch.lines] == shown
        if shown:
            again = LogQuery(app=APP, position=read[-1].position)
            assert [batch.lines async for batch in stream(api, keeper, watching, again)] == []


async def test_all_who_follow_share_one_watch_and_each_sees_its_own_apps_pods(
    stub: tuple[Stub, KubernetesApi],
) -> None:
    found, api = stub
    pod(found, "web-a-00001")
    other = dataclasses.replace(APP, app_id="bbbbbbbbbb")
    async with aclosing(Watching(api, CLUSTER.installation)) as watching, AsyncExitStack() as stack:
        views = [await stack.enter_async_context(watching.of(APP)) for _ in range(3)]
        strange = await stack.enter_async_context(watching.of(other))
        assert [len(view.pods) for view in (*views, strange)] == [1, 1, 1, 0]
        pod(found, "web-b-00002", deployment=2)
        for view in views:
            await asyncio.wait_for(view.changed.wait(), 10)
        assert {each["metadata"]["name"] for each in views[0].pods} == {"web-a-00001", "web-b-00002"}
        for name in ("web-a-00001", "web-b-00002"):
            found.store.delete((PODS, SPACE, name))

        async def gone() -> bool:
            return not views[0].pods

        await eventually_async(gone)
        assert not strange.changed.is_set()
    assert len([each for each in found.requests if "watch" in each.query]) == 1


async def test_a_shared_watch_that_expires_is_listed_again(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    pod(found, "web-a-00001")
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(watching), watching.of(APP) as view:
        await found.down()
        found.store.delete((PODS, SPACE, "web-a-00001"))
        pod(found, "web-b-00002")
        found.store.compact()
        await found.up()

        async def true() -> bool:
            return [each["metadata"]["name"] for each in view.pods] == ["web-b-00002"]

        await eventually_async(true)


async def test_times_of_a_node_that_is_not_on_utc_are_brought_to_it(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    pod(found, "web-a-00001", "first", "third")
    east = pod(found, "web-b-00002")
    east.say("second", "2026-11-26T17:30:00.500000000+05:30")
    east.say("", "2026-11-26T17:30:01.500000000+05:30")
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(stream(api, MemoryKeeper(), watching, LogQuery(app=APP))) as batches:
        (batch,) = [batch async for batch in batches]
    assert [(line.text, line.at[11:21]) for line in batch.lines] == [
        ("first", "12:00:00.0"),
        ("second", "12:00:00.5"),
        ("third", "12:00:01.0"),
        ("", "12:00:01.5"),
    ]
    assert await texts(api, LogQuery(app=APP, position=batch.position), 1) == []


async def test_what_the_cluster_says_itself_in_a_log_is_no_line_of_the_apps(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    log = pod(found, "web-a-00001", "first")
    log.say("to retrieve container logs for containerd://85af86cb", "unable")
    log.say('{"kind":"Status","status":"Failure"}', '{"kind":"Status","status":"Failure"}')
    log.say('{"kind": "Status"}', "2026-11-26T12:00:01.000000001Z")
    assert await texts(api, LogQuery(app=APP), 2) == ["first", '{"kind": "Status"}']


RUNNING: Object = {"running": {}}
WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}
ENDED = {"terminated": {"exitCode": 1}}


@pytest.mark.parametrize(
    ("container", "all_of_it", "over"),
    [
        ({"state": RUNNING}, (False,), ()),
        ({"state": RUNNING, "restartCount": 1}, (True, False), (True,)),
        ({"state": RUNNING, "lastState": ENDED}, (True, False), (True,)),
        ({"state": WAITING, "restartCount": 1}, (True,), (True,)),
        ({"state": ENDED}, (False,), (False,)),
        ({"state": ENDED, "restartCount": 2}, (True, False), (True, False)),
    ],
)
def test_each_run_of_a_container_is_read_once_and_of_those_that_are_over_no_more(
    container: dict[str, Any], all_of_it: tuple[bool, ...], over: tuple[bool, ...]
) -> None:
    found = {"status": {"containerStatuses": [container]}}
    assert runs(found, over=False) == all_of_it
    assert runs(found, over=True) == over


async def test_only_what_is_over_and_only_of_the_instance_that_is_asked_for(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    pod(found, "web-a-00001", "again", restarts=1)
    found.store.previous.setdefault((PODS, SPACE, "web-a-00001"), Log()).say("it broke", "2026-11-26T11:59:00.1Z")
    pod(found, "web-b-00002", "fine")
    keeper = MemoryKeeper()
    kept = LogLine(instance="v1-00000", deployment=1, at="2026-11-26T11:58:00.1Z", text="bye")
    await keeper.keep(APP.app_id, 1, "v1-00000", [kept])

    async def read(**asked: Any) -> list[str]:
        watching = Watching(api, CLUSTER.installation)
        async with aclosing(stream(api, keeper, watching, LogQuery(app=APP, **asked))) as batches:
            return [line.text async for batch in batches for line in batch.lines]

    assert sorted(await read()) == ["again", "bye", "fine", "it broke"]
    assert await read(previous=True) == ["bye", "it broke"]
    assert await read(instance="v1-00002") == ["fine"]
    assert await read(instance="v1-00001", previous=True) == ["it broke"]
    with pytest.raises(NotFound) as refused:
        await read(instance="v1-00009")
    assert "v1-00002" in str(refused.value.hint)


async def test_the_lines_of_one_deployment_and_from_before_a_time_are_read_alone(
    stub: tuple[Stub, KubernetesApi],
) -> None:
    found, api = stub
    pod(found, "web-a-00001", "a0", "a1", "a2", "a3")
    pod(found, "web-b-00002", "b0", "b1", deployment=2)
    assert await texts(api, LogQuery(app=APP, deployment=1), 9) == ["a0", "a1", "a2", "a3"]
    until = datetime(2026, 11, 26, 12, 0, 2, tzinfo=UTC)
    assert await texts(api, LogQuery(app=APP, until=until), 9) == ["a0", "b0", "a1", "b1"]
    assert await texts(api, LogQuery(app=APP, until=until, deployment=1, tail=1), 9) == ["a1"]
    with pytest.raises(NothingKeptError):
        await texts(api, LogQuery(app=APP, deployment=3), 1)


async def test_lines_that_a_pods_log_no_longer_has_are_told_to_who_resumes(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    log = pod(found, "web-a-00001", "a0", "a1")
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(stream(api, MemoryKeeper(), watching, LogQuery(app=APP))) as batches:
        position = [batch.position async for batch in batches][-1]
    log.lines[:] = [("2026-11-26T12:01:00.000000001Z", "later")]
    async with aclosing(stream(api, MemoryKeeper(), watching, LogQuery(app=APP, position=position))) as batches:
        (batch,) = [batch async for batch in batches]
    assert batch.note == (
        "v1-00001: lines between 2026-11-26T12:00:01.000000001Z and 2026-11-26T12:01:00.000000001Z may be missing"
    )
