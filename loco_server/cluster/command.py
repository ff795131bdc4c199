"""What `loco-server serve` does."""

import asyncio

from loco_server.cluster.server import ClusterServer, Listens
from loco_server.cluster.settings import cluster_settings
from loco_server.telemetry import logs


def serve(listens: Listens) -> int:
    """Serve until a signal ends it.

    Raises:
        LocoError: it cannot be started.
    """
    settings = cluster_settings()
    asyncio.run(ClusterServer(settings, listens, say=logs.teller(settings.telemetry.log_format)).run())
    return 0
