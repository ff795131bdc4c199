"""The apply phase on Kubernetes beside `kubectl apply --server-side` of the same manifests, on a real API server.

Needs etcd, kube-apiserver and kubectl in KUBEBUILDER_ASSETS. So many apps at a time, an app is new each time. Ours has
the rights of the server's own account, which may make and replace a Secret and not patch one; kubectl is the
administrator's.
"""

import asyncio
import dataclasses
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measured import Measured, Row
from benchmarks.parts import MissingError
from loco_server.engines.base import AppRef, Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.applying import Applier
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render import Manifests, render
from loco_server.units import UnitRoute
from loco_spec.names import new_id
from tests.kube.cluster import Kube, kubernetes
from tests.kube.samples import SMALL, rollout

ROUNDS, APPS, AT_ONCE = 5, 500, 8
MOST = 1.3
CLUSTER = Cluster(installation=new_id())


def new_rollout() -> Rollout:
    app_id = new_id()
    routes = (UnitRoute(f"{app_id}.example.com", "/", "http", strip_prefix=False),)
    app = AppRef(team="acme", team_id="tttttttttt", app="shop", app_id=app_id)
    return rollout(dataclasses.replace(SMALL, replicas=2, routes=routes), deployment=1, app=app)


async def ours(applier: Applier, wanted: list[Rollout]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def told(_: str) -> None:
        pass

    async def one(each: Rollout) -> None:
        async with limit:
            manifests = render(CLUSTER, each)
            await applier.additive(manifests, told)
            await applier.deployment(each, manifests.deployment, told)
            for manifest in manifests.exposure:
                await applier.apply(manifest, told)
            await applier.set_live(each, manifests.deployment)
            await applier.exact(manifests, told)

    async with asyncio.TaskGroup() as group:
        for each in wanted:
            group.create_task(one(each))


def kubectl(kube: Kube, wanted: list[Manifests]) -> None:
    argv = [kube.kubectl, "--kubeconfig", str(kube.kubeconfig), "apply", "--server-side", "-f", "-"]

    def one(manifests: Manifests) -> None:
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests.everything})
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, wanted))


async def compared(kube: Kube, kubeconfig: Path) -> Measured:
    api = KubernetesApi(str(kubeconfig))
    applier = Applier(api, CLUSTER)
    mine, theirs = [], []
    for _ in range(ROUNDS):
        rollouts = [new_rollout() for _ in range(APPS // ROUNDS)]
        started = time.monotonic()
        await ours(applier, rollouts)
        mine.append(time.monotonic() - started)
        manifests = [render(CLUSTER, new_rollout()) for _ in rollouts]
        started = time.monotonic()
        await asyncio.to_thread(kubectl, kube, manifests)
        theirs.append(time.monotonic() - started)
    await api.close()
    made = kube.json("get", "deployments", "-A", "-l", f"{names.INSTALLATION}={CLUSTER.installation}")["items"]
    assert len(made) == 2 * ROUNDS * (APPS // ROUNDS)
    name = f"{APPS // ROUNDS} apps, {AT_ONCE} at a time: apply phase / kubectl apply"
    return Measured(name, statistics.median(mine), statistics.median(theirs), MOST)


def measure() -> Iterator[Row]:
    if not os.environ.get("KUBEBUILDER_ASSETS"):
        raise MissingError("no KUBEBUILDER_ASSETS")
    with tempfile.TemporaryDirectory(prefix="loco-bench-") as name, kubernetes(Path(name)) as kube:
        yield asyncio.run(compared(kube, kube.as_server(Path(name))))
