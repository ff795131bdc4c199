"""Pods that are to be gone: those that nobody waits for need no time to drain."""

import asyncio
import time
from collections.abc import Callable, Mapping

from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.api import KubernetesApi, Object

POLL_SECONDS = 0.2


async def ended(
    api: KubernetesApi,
    namespace: str,
    labels: Mapping[str, str],
    *,
    seconds: float,
    hurried: Callable[[Object], bool] = lambda _: True,
    there: Callable[[Object], bool] = lambda _: True,
) -> bool:
    """End what the labels meet, and wait until it is gone. False: some of it is there still, after so many seconds.

    `hurried`: which of them are ended now; the others are on their way out. `there`: which are waited for at all.
    """
    told: set[str] = set()
    until = time.monotonic() + seconds
    while True:
        found, _ = await api.list(kinds.POD, namespace, labels=labels)
        left = [pod for pod in found if there(pod)]
        if not left:
            return True
        if time.monotonic() >= until:
            return False
        for pod in left:
            name = pod["metadata"]["name"]
            if name not in told and hurried(pod):
                told.add(name)
                await api.delete(kinds.POD, namespace, name, grace=1)
        await asyncio.sleep(POLL_SECONDS)
