"""What is suspended stops, whatever its pods write and whoever does not answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from loco_server.engines.base import Suspension
from loco_server.engines.kubernetes import names, reconciling
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.logs.keeping import Keeping
from loco_server.engines.kubernetes.reconciling import Reconciler
from loco_spec.events import LogLine
from tests.contract.engines import MemoryKeeper
from tests.kube.samples import APP, CLUSTER
from tests.kube.stub import Stub
from tests.kube.stub.server import begun
from tests.kube.stub.store import DEPLOYMENTS, Key
from tests.loco_server.engines.kubernetes.stubbed import SPACE, connected, pod, there

pytestmark = pytest.mark.anyio

WORKLOAD: Key = (DEPLOYMENTS, SPACE, names.WORKLOAD)


def running(stub: Stub) -> None:
    for name in ("web-a-00001", "web-b-00002"):
        pod(stub, name, "bye")
    stub.store.write(WORKLOAD, {"spec": {"replicas": 2, "template": {}}})


async def suspend(api: KubernetesApi, keeper: MemoryKeeper) -> None:
    keeping = Keeping(api, keeper)
    reconciler = Reconciler(api, CLUSTER, Applier(api, CLUSTER), keeping, worked_on=lambda _app, _at: False)
    await asyncio.wait_for(reconciler.suspend(Suspension(app=APP, routes=(), notice="")), 10)
    await keeping.close()


def stopped(stub: Stub) -> bool:
    return not there(stub) and stub.store.objects[WORKLOAD]["spec"]["replicas"] == 0


async def test_what_its_pods_have_said_is_kept(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        running(stub)
        await suspend(api, keeper := MemoryKeeper())
        assert stopped(stub)
        assert {line.instance for line in keeper.lines[APP.app_id]} == {"v1-00001", "v1-00002"}


class Hanging(Stub):
    """Does not come to the end of the first pod's log."""

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:
        if key[2] != "web-a-00001":
            return await super()._log(request, key)
        response = await begun(request)
        await asyncio.Event().wait()
        return response


async def test_a_log_that_does_not_end_keeps_it_from_no_stop_and_others_words_from_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "LAST_WORDS_SECONDS", 1.0)
    async with connected(stub := Hanging(), tmp_path) as api:
        running(stub)
        await suspend(api, keeper := MemoryKeeper())
        assert stopped(stub)
        assert {line.instance for line in keeper.lines[APP.app_id]} == {"v1-00002"}


class Broken(MemoryKeeper):
    async def keep(self, app_id: str, deployment: int, instance: str, lines: Sequence[LogLine]) -> None:
        raise ConnectionError(f"the records are away: {app_id} {deployment} {instance} {len(lines)}")


async def test_records_that_take_nothing_keep_it_from_no_stop(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        running(stub)
        await suspend(api, Broken())
        assert stopped(stub)
