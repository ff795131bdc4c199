"""Logs of any size, from apps that are anybody's: no more of them is held than a reader is given next."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from loco_server.engines.base import LogQuery
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.logs import merging
from loco_server.engines.kubernetes.logs import stream as streams
from loco_server.engines.kubernetes.logs.keeping import KEPT_BYTES, KEPT_LINES, Keeping
from loco_server.engines.kubernetes.logs.merging import BATCH_BYTES
from loco_server.engines.kubernetes.logs.newest import LINE_COST, Newest
from loco_server.engines.kubernetes.logs.stream import stream
from loco_server.engines.kubernetes.logs.watching import Watching
from loco_server.engines.log_lines import LINE_MAX, Marked
from loco_spec.events import LogBatch, LogLine
from tests.contract.engines import MemoryKeeper
from tests.kube.samples import APP, CLUSTER
from tests.kube.stub import Stub
from tests.kube.stub.server import begun
from tests.kube.stub.store import PODS, Key
from tests.loco_server.engines.kubernetes.stubbed import SPACE, connected, pod, there
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

STEP = "2026-11-26T12:{:02}:{:02}.000000001Z"


class Endless(Stub):
    """Has logs without an end."""

    text = "on and on"
    written = 0

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:  # noqa: ARG002
        response = await begun(request)
        for number in range(3600):
            line = f"{STEP.format(*divmod(number, 60))} {self.text}\n".encode()
            for _ in range(10):
                await response.write(line)
                self.written += len(line)
        await asyncio.Event().wait()
        return response


@pytest.fixture
async def endless(tmp_path: Path) -> AsyncIterator[tuple[Endless, KubernetesApi]]:
    async with connected(found := Endless(), tmp_path) as api:
        assert isinstance(found, Endless)
        yield found, api


async def test_what_was_is_given_in_order_of_time_while_it_is_read(endless: tuple[Endless, KubernetesApi]) -> None:
    found, api = endless
    for name in ("web-a-00001", "web-b-00002"):
        pod(found, name)
    lines: list[LogLine] = []
    async with asyncio.timeout(20), aclosing(_batches(api, LogQuery(app=APP))) as batches:
        async for batch in batches:
            lines += batch.lines
            if len(lines) >= 2000:
                break
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {line.instance for line in lines[:100]} == {"v1-00001", "v1-00002"}


@pytest.mark.parametrize("follow", [False, True])
async def test_a_reader_who_takes_no_more_holds_the_pods_streams_back(
    *, follow: bool, endless: tuple[Endless, KubernetesApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, api = endless
    found.text = "x" * (LINE_MAX - 1)
    monkeypatch.setattr(streams, "QUEUE_BYTES", 4 * LINE_MAX)
    name = "web-a-00001"
    query = LogQuery(app=APP, follow=follow)
    if follow:
        monkeypatch.setattr(Endless, "_log", _nothing_but_what_comes)
    pod(found, name)
    async with asyncio.timeout(20), aclosing(_batches(api, query)) as batches:
        batch = await anext(batches)
        assert sum(len(line.text) for line in batch.lines) <= BATCH_BYTES + LINE_MAX
        assert found.written < 16 << 20, "as much as the kernel and both ends' buffers take"


async def _nothing_but_what_comes(stub: Endless, request: web.Request, key: Key) -> web.StreamResponse:
    if request.query.get("follow"):
        return await ENDLESS(stub, request, key)
    return await begun(request)


ENDLESS = Endless._log


async def test_a_queue_is_full_by_size_too_and_takes_more_when_that_has_gone() -> None:
    queue = streams._Queue(streams.QUEUE)
    large = line("v1-1", 1, "x" * (streams.QUEUE_BYTES - LINE_COST))
    queue.put_nowait(large)
    waiting = [asyncio.create_task(queue.put(each)) for each in (large, "v1-1")]
    assert [await queue.get() for _ in range(3)] == [large, large, "v1-1"]
    await asyncio.gather(*waiting)
    queue.put_nowait(line("v1-1", 2))
    assert not queue.full()
    queue.put_nowait(large)
    assert queue.full()


async def test_a_tail_of_none_goes_on_after_what_was(tmp_path: Path) -> None:
    async with connected(stub := Stub(bookmark_seconds=0.1), tmp_path) as api:
        log = pod(stub, "web-a-00001", "old", "older")
        reading = asyncio.create_task(_texts(api, LogQuery(app=APP, tail=0, follow=True), 1))

        async def followed() -> bool:
            return any(each.query.get("follow") for each in stub.requests)

        await eventually_async(followed)
        log.say("new", STEP.format(30, 0))
        assert await asyncio.wait_for(reading, 10) == ["new"]


async def test_a_tail_of_long_lines_is_bounded_and_what_had_no_room_counts_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "NEWEST_BYTES", 3 * (1000 + LINE_COST))
    async with connected(stub := Stub(), tmp_path) as api:
        for name in ("web-a-00001", "web-b-00002"):
            pod(stub, name, *(str(number) * 1000 for number in range(5)))
        async with aclosing(_batches(api, LogQuery(app=APP, tail=100))) as batches:
            (batch,) = [each async for each in batches]
        assert [each.text[0] for each in batch.lines] == ["3", "4", "4"]
        assert await _texts(api, LogQuery(app=APP, position=batch.position), 1) == []


async def test_of_a_pods_log_no_more_is_read_than_is_kept(tmp_path: Path) -> None:
    async with connected(stub := Stub(bookmark_seconds=0.1), tmp_path) as api:
        pod(stub, "web-a-00001", "bye")
        keeper = MemoryKeeper()
        keeping = Keeping(api, keeper)
        await keeping.keep_now(APP, there(stub))
        ending = there(stub)[0]
        keeping.see(APP, [ending | {"metadata": ending["metadata"] | {"deletionTimestamp": "now"}}])
        stub.store.delete((PODS, SPACE, "web-a-00001"))
        await asyncio.wait_for(keeping.settle(), 10)
        asked = [each.query for each in stub.requests if each.path.endswith("/log")]
        assert [each.get("tailLines") for each in asked] == [str(KEPT_LINES)] * 2
        assert KEPT_LINES * LINE_COST >= KEPT_BYTES, "lines that would fit are not read"


class Together(Stub):
    """Answers for no log until it is asked for both."""

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:
        async def both() -> bool:
            return len([each for each in self.requests if each.path.endswith("/log")]) == 2

        await eventually_async(both, within=5)
        return await super()._log(request, key)


async def test_last_words_of_many_pods_are_read_side_by_side(tmp_path: Path) -> None:
    async with connected(stub := Together(), tmp_path) as api:
        for name in ("web-a-00001", "web-b-00002"):
            pod(stub, name, "bye")
        keeper = MemoryKeeper()
        await Keeping(api, keeper).keep_now(APP, there(stub))
        assert {each.instance for each in keeper.lines[APP.app_id]} == {"v1-00001", "v1-00002"}


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(0, 10), st.integers(1, 2000))
def test_the_newest_are_as_many_as_have_room_and_the_last_that_has_none_is_known(
    sizes: list[int], most: int, room: int
) -> None:
    lines = [line("v1-1", number, "x" * size) for number, size in enumerate(sizes)]
    newest = Newest(most, room)
    for each in lines:
        newest.add(each)
    left = len(newest.lines)
    assert list(newest.lines) == lines[len(lines) - left :]
    assert left <= most
    assert left <= 1 or sum(len(each.line.text) + LINE_COST for each in newest.lines) <= room
    if left < len(lines):
        dropped = lines[len(lines) - left - 1]
        assert newest.dropped == {"v1-1": dropped.mark}
        assert left == most or sum(len(each.line.text) + LINE_COST for each in (dropped, *newest.lines)) > room


def line(instance: str, number: int, text: str = "") -> Marked:
    at = STEP.format(*divmod(number, 60))
    return Marked(LogLine(instance=instance, deployment=1, at=at, text=text), 1)


async def _batches(api: KubernetesApi, query: LogQuery) -> AsyncGenerator[LogBatch, None]:
    watching = Watching(api, CLUSTER.installation)
    async with aclosing(watching), aclosing(stream(api, MemoryKeeper(), watching, query)) as batches:
        async for batch in batches:
            yield batch


async def _texts(api: KubernetesApi, query: LogQuery, enough: int) -> list[str]:
    found: list[str] = []
    async with aclosing(_batches(api, query)) as batches:
        async for batch in batches:
            found += [each.text for each in batch.lines]
            if len(found) >= enough:
                break
    return found
