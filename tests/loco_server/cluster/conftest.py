"""PostgreSQL, a Kubernetes API in small, and servers that are taken away at the end."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from loco_spec.names import new_id
from tests.kube.stub import Stub
from tests.loco_server.cluster.serving import Replica, environment
from tests.postgres import Postgres

Start = Callable[..., Replica]


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """A migrated one, of the test's own."""
    name = new_id()
    yield postgres.make(name, template="migrated")
    postgres.drop(name)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as found:
        yield found


@pytest.fixture
async def start(tmp_path: Path, stub: Stub, database: str) -> AsyncIterator[Start]:
    """Start a server; variables override what a good one has."""
    replicas: list[Replica] = []

    def started(**more: str) -> Replica:
        kubeconfig = str(stub.kubeconfig(tmp_path))
        variables = environment(tmp_path, database, **({"LOCO_KUBECONFIG": kubeconfig} | more))
        found = Replica(tmp_path / f"replica-{len(replicas)}", variables)
        replicas.append(found)
        found.start()
        return found

    yield started
    for each in replicas:
        await each.close()
