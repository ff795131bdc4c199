"""What `loco-server serve` does."""

import asyncio

from loco_server.cluster.server import ClusterServer, Listens
from loco_server.cluster.settings import cluster_settings


def serve(listens: Listens) -> int:
    """Serve until a signal ends it.

    Raises:
        LocoError: it cannot be started.
    """
    asyncio.run(ClusterServer(cluster_settings(), listens, say=_say).run())
    return 0


def _say(message: str) -> None:
    print(message, flush=True)  # noqa: T201  the pod's log
