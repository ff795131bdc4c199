"""The last words of pods that end: read to their end, and kept with the deployment."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from loco_server.engines.base import AppRef, EngineDownError, LogKeeper
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError
from loco_server.engines.kubernetes.logs import pods
from loco_spec.events import LogLine

_log = logging.getLogger("loco.engine")

KEPT_BYTES = 1_000_000
LINE_COST = 100
"""Bytes that a line takes besides its text."""


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
        """Keep what pods that failed have said, before they are taken away."""
        for pod in found:
            if pods.is_started(pod):
                try:
                    async with aclosing(pods.read(self._api, pod)) as read:
                        last = Last()
                        async for marked in read:
                            last.add(marked.line)
                    await self._keep(app, pod, last)
                except (RefusedError, EngineDownError) as error:
                    _log.info("the last words of %s are lost: %s", pod["metadata"]["name"], error)

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Wait for those that are being read."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _to_the_end(self, app: AppRef, pod: Mapping[str, Any]) -> None:
        last = Last()
        try:
            async with aclosing(pods.follow(self._api, pod, None)) as read:
                async for marked in read:
                    last.add(marked.line)
        finally:
            await self._keep(app, pod, last)

    async def _keep(self, app: AppRef, pod: Mapping[str, Any], last: "Last") -> None:
        name, deployment = names.instance(pod)
        if last.lines:
            await self._keeper.keep(app.app_id, deployment, name, tuple(last.lines))


class Last:
    """The newest lines, up to a size."""

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque()
        self._size = 0

    def add(self, line: LogLine) -> None:
        self.lines.append(line)
        self._size += len(line.text) + LINE_COST
        while self._size > KEPT_BYTES and len(self.lines) > 1:
            self._size -= len(self.lines.popleft().text) + LINE_COST
