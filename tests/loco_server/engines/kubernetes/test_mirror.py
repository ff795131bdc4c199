"""A mirror of a namespace stays true whatever happens to its watches."""

import asyncio
import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes import mirror as mirrors
from loco_server.engines.kubernetes.mirror import Mirror
from tests.kube.stub import Plan, Stub
from tests.kube.stub.server import begun
from tests.kube.stub.store import Key, Object
from tests.loco_server.engines.kubernetes.stubbed import connected
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

STEPS = 150
PLANS = {
    "cut": Plan(watch_seconds=0.05),
    "expired": Plan(watch_seconds=0.05, expired=1),
    "refused": Plan(watch_seconds=0.05, expired=0.3, refused=0.3, retry_after=0),
}


@pytest.mark.parametrize("faults", PLANS)
async def test_a_mirror_stays_true_while_its_watches_are_cut_and_expire(
    faults: str, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "LONGEST_PAUSE", 0.5)
    die, plan = random.Random(seed), dataclasses.replace(PLANS[faults], seed=seed)  # noqa: S311
    async with connected(stub := Stub(plan), tmp_path) as api:
        pods = kinds.POD.path()
        async with Mirror(api, kinds.POD, "n", asyncio.Event()) as mirror:

            async def true() -> bool:
                there = {f"n/{key[2]}": found["metadata"]["uid"] for key, found in stub.store.objects.items() if key[1]}
                return {key: found["metadata"]["uid"] for key, found in mirror.objects.items()} == there

            for _ in range(STEPS):
                key: Key = (pods, "n", f"p{die.randrange(12)}")
                if key in stub.store.objects and die.random() < 0.5:
                    stub.store.delete(key)
                else:
                    stub.store.write(key, {"spec": {"n": die.random()}})
                await asyncio.sleep(0.005)  # so that watches are cut in between
            await eventually_async(true, within=60)
        watches = [each for each in stub.requests if "watch" in each.query]
        assert len(watches) > 1, "none was cut"
        lists = len(stub.requests) - len(watches)
        assert lists > 1 or plan.expired < 1  # less than always may be never
        assert lists == 1 or plan.expired > 0


class Silent(Stub):
    """Says nothing on the first watch, and does not end it: what a line is like that nobody is at the end of."""

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        if len([each for each in self.requests if "watch" in each.query]) == 1:
            response = await begun(request)
            await asyncio.Event().wait()
            return response
        return await super()._watch(request, key)


async def test_a_watch_on_a_dead_line_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "QUIET_SECONDS", 0.3)
    async with (
        connected(stub := Silent(bookmark_seconds=0.1), tmp_path) as api,
        Mirror(api, kinds.POD, "n", asyncio.Event()) as mirror,
    ):
        stub.store.write((kinds.POD.path(), "n", "p"), {})

        async def seen() -> bool:
            return "n/p" in mirror.objects

        await eventually_async(seen)


class Ending(Stub):
    """Ends each watch at once, and well."""

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:  # noqa: ARG002
        return await begun(request)


async def test_a_server_that_ends_each_watch_at_once_is_not_stormed(tmp_path: Path) -> None:
    async with connected(stub := Ending(), tmp_path) as api, Mirror(api, kinds.POD, "n", asyncio.Event()):

        async def again() -> bool:
            return len(stub.requests) >= 4

        await eventually_async(again)
        at = [each.at for each in stub.requests if "watch" in each.query]
        assert at[2] - at[0] > 0.5


class Strange(Stub):
    """Tells on each of the first watches something else that no API tells, and lists once what is no list."""

    told = (
        b"[]\n",
        b"{}\n",
        b"1\n",
        b'{"type": "ADDED", "object": {"metadata": 3}}\n',
        b'{"type": "ERROR", "object": 1}\n',
    )

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        nth = len([each for each in self.requests if "watch" in each.query])
        if nth > len(self.told):
            return await super()._watch(request, key)
        response = await begun(request)
        await response.write(self.told[nth - 1])
        return response

    def _list(self, key: Key, query: Mapping[str, str]) -> Object:
        lists = len([each for each in self.requests if "watch" not in each.query])
        return {"items": 7} if lists == 2 else super()._list(key, query)


async def test_a_mirror_outlives_whatever_its_watches_and_lists_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mirrors, "LONGEST_PAUSE", 0.2)
    async with (
        connected(stub := Strange(bookmark_seconds=0.1), tmp_path) as api,
        Mirror(api, kinds.POD, "n", asyncio.Event()) as mirror,
    ):

        async def watched() -> bool:
            return len([each for each in stub.requests if "watch" in each.query]) > len(stub.told)

        await eventually_async(watched)
        stub.store.write((kinds.POD.path(), "n", "p"), {})

        async def seen() -> bool:
            return "n/p" in mirror.objects

        await eventually_async(seen)
    assert "the watch of pods gave what is not understood" in caplog.text
