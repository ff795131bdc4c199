"""The client of the Kubernetes API: what it asks again, what it tells, what it does not mix up."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import api as client
from loco_server.engines.kubernetes import kinds, reading
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError
from loco_server.engines.kubernetes.reading import LOG_LINE, lines
from tests.kube.stub import Plan, Stub
from tests.kube.stub.server import begun
from tests.kube.stub.store import Key
from tests.loco_server.engines.kubernetes.stubbed import connected, object_of

pytestmark = pytest.mark.anyio

SERVICE = object_of(kinds.SERVICE, "shop")


class Once(Plan):
    """The first request of each path and method meets the fault."""

    def __init__(self, fault: str | int, *, retry_after: int = 0) -> None:
        super().__init__(retry_after=retry_after)
        self._fault = fault

    def fault(self, method: str, path: str) -> str | int | None:
        self.die(f"{method} {path}")
        return self._fault if self.asked[f"{method} {path}"] == 1 else None


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[tuple[Stub, KubernetesApi]]:
    found = Stub()
    async with connected(found, tmp_path) as api:
        yield found, api


@pytest.mark.parametrize("fault", [429, 500, 503, "dropped", "lost", "torn"])
async def test_what_is_busy_or_breaks_off_is_asked_again(fault: str | int, tmp_path: Path) -> None:
    async with connected(stub := Stub(Once(fault)), tmp_path) as api:
        await api.apply(SERVICE)
        assert await api.get(kinds.SERVICE, "n", "shop") is not None
        assert len((await api.list(kinds.SERVICE, "n"))[0]) == 1
        await api.delete(kinds.SERVICE, "n", "shop")
        assert await api.get(kinds.SERVICE, "n", "shop") is None
        assert len(stub.requests) == 9, "all but the last were asked twice"


async def test_a_busy_api_is_asked_again_no_earlier_than_it_says(tmp_path: Path) -> None:
    async with connected(stub := Stub(Once(429, retry_after=1)), tmp_path) as api:
        await api.apply(SERVICE)
        first, second = (each.at for each in stub.requests)
        assert second - first >= 1


async def test_a_no_is_told_at_once(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    elsewhere = SERVICE | {"metadata": {"name": "shop", "namespace": "nowhere"}}
    with pytest.raises(RefusedError, match='namespaces "nowhere" not found') as refused:
        await api.apply(elsewhere)
    assert refused.value.missing
    assert len(found.requests) == 1


async def test_an_api_that_stays_busy_is_an_engine_that_is_down(tmp_path: Path) -> None:
    async with connected(stub := Stub(Plan(refused=1, retry_after=0)), tmp_path, tries=3) as api:
        with pytest.raises(EngineDownError, match="the Kubernetes API is busy: as planned"):
            await api.get(kinds.SERVICE, "n", "shop")
        assert len(stub.requests) == 3


async def test_an_apply_that_crossed_another_write_is_repeated_unless_it_was_meant_for_one_version(
    tmp_path: Path,
) -> None:
    async with connected(stub := Stub(Once(409)), tmp_path) as api:
        made = await api.apply(SERVICE)
        assert len(stub.requests) == 2
        stub.plan.asked.clear()
        with pytest.raises(RefusedError) as refused:
            await api.apply(SERVICE, version=made["metadata"]["resourceVersion"])
        assert (refused.value.conflict, refused.value.managers) == (True, ())


async def test_a_conflict_of_managers_is_told_at_once_with_their_names(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    found.store.held[(kinds.SERVICE.path(), "n", "shop")] = ("helm", ".spec.type")
    with pytest.raises(RefusedError) as refused:
        await api.apply(SERVICE)
    assert refused.value.managers == ('conflict with "helm" using v1: .spec.type',)
    assert len(found.requests) == 1
    await api.apply(SERVICE, force=True)


async def test_a_list_of_many_pages_is_whole(stub: tuple[Stub, KubernetesApi], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGE", 3)
    found, api = stub
    names = [f"s{number}" for number in range(8)]
    for name in names:
        found.store.write((kinds.SERVICE.path(), "n", name), {})
    items, version = await api.list(kinds.SERVICE, "n")
    assert [each["metadata"]["name"] for each in items] == names
    assert (len(found.requests), version) == (3, str(found.store.version))


async def test_only_what_the_labels_choose_is_listed_and_deleted(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    for name, number in (("a", "1"), ("b", "2"), ("c", "3")):
        key = (kinds.SECRET.path(), "n", name)
        found.store.write(key, {"metadata": {"labels": {"loco/role": "env", "loco/deployment": number}}})
    second, _ = await api.list(kinds.SECRET, labels={"loco/deployment": "2"})
    assert [each["metadata"]["name"] for each in second] == ["b"]
    await api.delete_all(kinds.SECRET, "n", "loco/role=env,loco/deployment notin (1,3)")
    assert sorted(key[2] for key in found.store.objects if key[1]) == ["a", "c"]


async def test_hundreds_of_streams_leave_room_for_a_request(stub: tuple[Stub, KubernetesApi]) -> None:
    found, api = stub
    found.store.write((kinds.SERVICE.path(), "n", "shop"), {})
    first = asyncio.Semaphore(0)

    async def watch() -> None:
        async with aclosing(api.watch(kinds.SERVICE, "n", "0")) as events:
            async for _ in events:
                first.release()

    watches = [asyncio.create_task(watch()) for _ in range(250)]
    try:
        async with asyncio.timeout(20):
            for _ in watches:
                await first.acquire()
            assert await api.get(kinds.SERVICE, "n", "shop") is not None
    finally:
        for each in watches:
            each.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


async def test_a_watch_gives_what_happens_from_a_version_on_and_says_when_that_is_forgotten(
    stub: tuple[Stub, KubernetesApi],
) -> None:
    found, api = stub
    _, version = await api.list(kinds.SERVICE, "n")
    await api.apply(SERVICE)
    await api.delete(kinds.SERVICE, "n", "shop")
    async with aclosing(api.watch(kinds.SERVICE, "n", version)) as events:
        assert [(await anext(events))[0] for _ in range(3)] == ["ADDED", "DELETED", "BOOKMARK"]
    found.store.compact()
    with pytest.raises(RefusedError) as refused:
        async with aclosing(api.watch(kinds.SERVICE, "n", version)) as events:
            await anext(events)
    assert refused.value.gone


async def test_a_stream_that_breaks_is_an_engine_that_is_down_and_no_error_of_the_library(tmp_path: Path) -> None:
    async with connected(stub := Stub(Plan(watch_seconds=0.01)), tmp_path) as api:
        query = {"watch": "1", "resourceVersion": str(stub.store.version)}
        async with await api._again("GET", kinds.SERVICE.path("n"), query, None, streaming=True) as response:
            with pytest.raises(EngineDownError, match="the stream broke"):
                async for _ in lines(response):
                    pass


class Endless(Stub):
    """Says in a log what has no end for many megabytes."""

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:  # noqa: ARG002
        response = await begun(request)
        for _ in range(MANY):
            await response.write(b"x" * MIB)
        await response.write(b"\nshort\n" + b"y" * (LOG_LINE + 1))
        return response


MIB, MANY = 1 << 20, 32


async def test_of_an_endless_line_no_more_is_held_than_is_shown(tmp_path: Path) -> None:
    async with connected(Endless(), tmp_path) as api, await api.log("n", "p", {}) as response:
        tracemalloc.start()
        try:
            found = [(len(line), cut) async for line, cut in lines(response)]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert found == [(LOG_LINE, MANY * MIB - LOG_LINE), (len("short"), 0), (LOG_LINE, 1)]
        assert peak < 8 * MIB
        text = await api.log_text("n", "p", {})
        assert (
            text == f"{'x' * LOG_LINE} … ({MANY * MIB - LOG_LINE} bytes more)\nshort\n{'y' * LOG_LINE} … (1 bytes more)"
        )


async def test_an_event_of_megabytes_is_whole_and_one_larger_than_any_object_breaks_the_watch(
    stub: tuple[Stub, KubernetesApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, api = stub
    key, large = (kinds.SERVICE.path(), "n", "shop"), "x" * 3 * MIB
    found.store.write(key, {"metadata": {"annotations": {"large": large}}})
    async with aclosing(api.watch(kinds.SERVICE, "n", "0")) as events:
        assert (await anext(events))[1]["metadata"]["annotations"] == {"large": large}
    monkeypatch.setattr(reading, "EVENT_LINE", 2 * MIB)
    with pytest.raises(EngineDownError, match=r"of services broke: an event of \d+ bytes"):
        async with aclosing(api.watch(kinds.SERVICE, "n", "0")) as events:
            await anext(events)


class Page(Stub):
    """Answers as a proxy does, or a portal where one has to sign in."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        return web.Response(text="<html>sign in</html>", content_type="text/html")


async def test_an_answer_that_is_no_json_is_an_engine_that_is_down(tmp_path: Path) -> None:
    async with connected(Page(), tmp_path) as api:
        with pytest.raises(EngineDownError, match="gave no JSON: '<html>sign in</html>'"):
            await api.get(kinds.SERVICE, "n", "shop")


async def test_what_the_stub_does_not_know_fails_the_test(tmp_path: Path) -> None:
    async def ask() -> None:
        async with connected(Stub(), tmp_path) as api:
            with pytest.raises(RefusedError):
                await api.list(kinds.Kind("Widget", "example.com/v1", "widgets"))

    with pytest.raises(AssertionError, match=r"not known to it: .*example\.com/v1/widgets"):
        await ask()
