"""The client on a stub of the Kubernetes API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import TRIES, KubernetesApi, Object
from loco_server.engines.kubernetes.kinds import Kind
from tests.kube.samples import APP, CLUSTER
from tests.kube.stub import Stub
from tests.kube.stub.store import NAMESPACES, PODS, Key, Log

SPACE = names.namespace(APP)


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


def pod(stub: Stub, name: str, *said: str, deployment: int = 1, restarts: int = 0, phase: str = "Running") -> Log:
    """Put a pod there that runs; each line a second after the one before."""
    marks = names.labels(CLUSTER.installation, APP) | {names.DEPLOYMENT: str(deployment), names.ROLE: "app"}
    container = {"state": {"running": {}}, "restartCount": restarts}
    status = {"phase": phase, "containerStatuses": [container]}
    key: Key = (PODS, SPACE, name)
    stub.store.write((NAMESPACES, "", SPACE), {"metadata": {}})
    stub.store.write(key, {"metadata": {"labels": marks}, "status": status})
    log = stub.store.logs.setdefault(key, Log())
    for number, text in enumerate(said):
        log.say(text, f"2026-11-26T12:00:{number:02}.000000001Z")
    return log


def there(stub: Stub) -> list[Object]:
    return stub.store.of(PODS, SPACE)
