"""The last words of pods that end: read to their end, and kept with the deployment."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from loco_server.engines.base import AppRef, EngineDownError, LogKeeper
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError
from loco_server.engines.kubernetes.logs import pods
from loco_server.engines.kubernetes.logs.newest import LINE_COST, Newest

_log = logging.getLogger("loco.engine")

KEPT_BYTES = 1_000_000
KEPT_LINES = KEPT_BYTES // LINE_COST
"""Lines that fit even if each is empty: a pod's older ones are not read."""
AT_ONCE = 4


class Keeping:
    def __init__(self, api: KubernetesApi, keeper: LogKeeper) -> None:
        self._api = api
        self._keeper = keeper
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def see(self, app: AppRef, found: Iterable[Mapping[str, Any]]) -> None:
        """Begin to read what is about to end; safe to call with the same pods again."""
        for pod in found:
            uid = pod["metadata"]["uid"]
            if pod["metadata"].get("deletionTimestamp") and pods.is_started(pod) and uid not in self._tasks:
                task = asyncio.create_task(self._to_the_end(app, pod), name=f"last words of {pod['metadata']['name']}")
                self._tasks[uid] = task
                task.add_done_callback(lambda _, uid=uid: self._tasks.pop(uid, None))  # type: ignore[misc]

    async def keep_now(self, app: AppRef, found: Iterable[Mapping[str, Any]]) -> None:
        """Keep what pods have said, before they are taken away."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def keep(pod: Mapping[str, Any]) -> None:
            async with limit:
                await self._as_they_are(app, pod)

        ended = await asyncio.gather(*(keep(pod) for pod in found if pods.is_started(pod)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Wait for those that are being read."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _as_they_are(self, app: AppRef, pod: Mapping[str, Any]) -> None:
        last = Newest(KEPT_LINES, KEPT_BYTES)
        try:
            async with aclosing(pods.read(self._api, pod, tail=KEPT_LINES)) as read:
                async for marked in read:
                    last.add(marked)
        except (RefusedError, EngineDownError) as error:
            _log.info("the last words of %s are lost: %s", pod["metadata"]["name"], error)
        else:
            await self._keep(app, pod, last)

    async def _to_the_end(self, app: AppRef, pod: Mapping[str, Any]) -> None:
        last = Newest(KEPT_LINES, KEPT_BYTES)
        try:
            async with aclosing(pods.follow(self._api, pod, None, tail=KEPT_LINES)) as read:
                async for marked in read:
                    last.add(marked)
        finally:
            await self._keep(app, pod, last)

    async def _keep(self, app: AppRef, pod: Mapping[str, Any], last: Newest) -> None:
        name, deployment = names.instance(pod)
        if last.lines:
            await self._keeper.keep(app.app_id, deployment, name, tuple(marked.line for marked in last.lines))
