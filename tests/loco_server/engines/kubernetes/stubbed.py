"""The client on a stub of the Kubernetes API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.api import TRIES, KubernetesApi, Object
from loco_server.engines.kubernetes.kinds import Kind
from tests.kube.stub import Stub


@asynccontextmanager
async def connected(stub: Stub, folder: Path, *, tries: int = TRIES) -> AsyncIterator[KubernetesApi]:
    """Start the stub, with the namespace `n` in it, and give a client on it."""
    async with stub:
        stub.store.write((kinds.NAMESPACE.path(), "", "n"), {})
        api = KubernetesApi(str(stub.kubeconfig(folder)), tries=tries)
        try:
            yield api
        finally:
            await api.close()


def object_of(kind: Kind, name: str, **rest: object) -> Object:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": "n"},
        "spec": {},
        **rest,
    }
