"""The whole engine on a stub of the Kubernetes API, beside what stands for the cluster's controllers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loco_server.engines.base import Rollout
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.kubernetes_settings import Kubernetes
from tests.contract.engines import MemoryKeeper
from tests.kube.kubelet import Kubelet
from tests.kube.stub import Plan, Stub


@asynccontextmanager
async def stubbed_engine(stub: Stub, folder: Path, *, unknown_seconds: float = 60) -> AsyncIterator[KubernetesEngine]:
    reached = Kubernetes(kubeconfig=str(stub.kubeconfig(folder)))
    engine = KubernetesEngine(
        installation="iiiiiiiiii", keeper=MemoryKeeper(), kubernetes=reached, unknown_seconds=unknown_seconds
    )
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def stubbed(plan: Plan, folder: Path) -> AsyncIterator[tuple[Stub, Kubelet, KubernetesEngine]]:
    async with Stub(plan) as stub, Kubelet(stub.store) as kubelet, stubbed_engine(stub, folder) as engine:
        yield stub, kubelet, engine


async def roll(engine: KubernetesEngine, wanted: Rollout) -> list[str]:
    """Roll; give what was told."""
    said: list[str] = []

    async def emit(line: str) -> None:
        said.append(line)

    async def guard() -> None:
        pass

    await engine.roll(wanted, emit=emit, guard=guard)
    return said
