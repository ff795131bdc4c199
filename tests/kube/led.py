"""The engine on a whole cluster, with the rights of an installed one, and an Envoy that leads to its apps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.kubernetes_settings import Kubernetes
from loco_spec.names import new_id
from tests.contract.engines import MemoryKeeper
from tests.kube.cluster import Kube
from tests.kube.gateway import Gateway
from tests.loco_server.edge.real import RealEdge


@dataclass
class Led:
    engine: KubernetesEngine
    keeper: MemoryKeeper
    edge: RealEdge


@asynccontextmanager
async def led(kube: Kube, kubeconfig: Path, folder: Path) -> AsyncIterator[Led]:
    """What it made is taken away at the end. `kubeconfig`: with the rights of the server, and no more."""
    installation, keeper, admin = new_id(), MemoryKeeper(), KubernetesApi(str(kube.kubeconfig))
    edge = RealEdge(folder)
    engine = KubernetesEngine(
        installation=installation, keeper=keeper, kubernetes=Kubernetes(kubeconfig=str(kubeconfig)), unknown_seconds=0
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(edge.close)
        stack.push_async_callback(admin.close)
        stack.push_async_callback(engine.close)
        stack.push_async_callback(engine.remove_all)
        await edge.process.start()
        leading = asyncio.create_task(Gateway(admin, edge, installation).run())
        stack.push_async_callback(_ended, leading)
        yield Led(engine, keeper, edge)


async def _ended(task: asyncio.Task[None]) -> None:
    if task.done():
        task.result()  # what broke it, if something did
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
