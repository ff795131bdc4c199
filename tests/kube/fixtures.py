"""Fixtures around a real Kubernetes API. A plugin of tests/conftest.py: ask for them by name."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.kubernetes_settings import Kubernetes
from loco_spec.names import new_id
from tests.contract.engines import MemoryKeeper
from tests.kube.cluster import Kube, kubernetes


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    with kubernetes(tmp_path_factory.mktemp("kubernetes")) as found:
        yield found


@pytest.fixture(scope="session")
def server_kubeconfig(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the token of exactly the shipped role."""
    return kube.as_server(tmp_path_factory.mktemp("server"))


@pytest.fixture
def keeper() -> MemoryKeeper:
    return MemoryKeeper()


@pytest.fixture
async def engine(kube: Kube, server_kubeconfig: Path, keeper: MemoryKeeper) -> AsyncIterator[KubernetesEngine]:
    """The engine with the rights that it has where it is installed; what it made is taken away by the administrator."""
    installation = new_id()
    found = KubernetesEngine(
        installation=installation,
        keeper=keeper,
        kubernetes=Kubernetes(kubeconfig=str(server_kubeconfig)),
        unknown_seconds=0,
    )
    yield found
    if kube.whole:
        await found.remove_all()
    else:  # nobody is there who would empty a namespace
        kube.run("delete", "namespaces", "-l", f"loco/installation={installation}", "--wait=false")
    await found.close()
