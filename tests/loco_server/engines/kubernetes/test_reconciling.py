"""What is made true again, and when not yet."""

import dataclasses
import time
from pathlib import Path

import pytest

from loco_server.engines.kubernetes import kinds, names
from tests.kube.samples import APP, SMALL, rollout
from tests.kube.stub import Plan, Stub
from tests.kube.stub.store import DEPLOYMENTS, Key
from tests.loco_server.engines.kubernetes.rolled import roll, stubbed, stubbed_engine
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

SPACE = names.namespace(APP)
SERVICE: Key = (kinds.SERVICE.path(), SPACE, APP.app)
WORKLOAD: Key = (DEPLOYMENTS, SPACE, names.WORKLOAD)


async def test_another_pull_ticket_is_applied_at_once_and_the_same_is_not(tmp_path: Path) -> None:
    first = rollout(SMALL)
    other = dataclasses.replace(first, pull=dataclasses.replace(first.pull, password="another-ticket"))
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        counts = []
        for wanted in (first, first, other, other):
            await engine.reconcile([wanted], frozenset())
            counts.append(len([each for each in stub.requests if each.path.endswith("/secrets/pull")]))
        assert counts == [1, 1, 2, 2]


async def test_the_service_is_narrowed_only_once_no_pod_of_another_version_is_left(tmp_path: Path) -> None:
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        await roll(engine, wanted := rollout(SMALL))
        exact = stub.store.objects[SERVICE]["spec"]
    async with Stub() as stub2, stubbed_engine(stub2, tmp_path) as engine:  # nobody changes a status here
        stub2.store.objects = dict(stub.store.objects)
        wide = exact | {"ports": [*exact["ports"], {"name": "p9090", "port": 9090, "targetPort": 9090}]}
        stub2.store.write(SERVICE, stub2.store.objects[SERVICE] | {"spec": wide})
        for replicas, ports in ((2, 2), (1, 1)):
            found = stub2.store.objects[WORKLOAD]
            stub2.store.write(WORKLOAD, found | {"status": found["status"] | {"replicas": replicas}})
            await engine.reconcile([wanted], frozenset())
            assert len(stub2.store.objects[SERVICE]["spec"]["ports"]) == ports


async def test_what_another_server_prepares_for_an_app_that_is_not_written_down_yet_stays(tmp_path: Path) -> None:
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as first, stubbed_engine(stub, tmp_path) as second:
        await first.prepare(APP)
        for _ in range(3):
            await second.reconcile([], frozenset())
        assert (kinds.NAMESPACE.path(), "", SPACE) in stub.store.objects


async def test_a_namespace_that_stays_unknown_goes(tmp_path: Path) -> None:
    there: Key = (kinds.NAMESPACE.path(), "", SPACE)
    async with (
        Stub() as stub,
        stubbed_engine(stub, tmp_path) as first,
        stubbed_engine(stub, tmp_path, unknown_seconds=0.3) as second,
    ):
        await first.prepare(APP)
        await second.reconcile([], frozenset())
        await second.reconcile([], frozenset({APP.app_id}))  # it is known by now: what counts begins anew
        assert there in stub.store.objects

        async def gone() -> bool:
            await second.reconcile([], frozenset())
            return there not in stub.store.objects

        began = time.monotonic()
        await eventually_async(gone)
        assert time.monotonic() - began >= 0.3
