"""What is in a namespace right now: listed once, then kept current by a watch, whatever breaks on the way."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.kinds import Kind

_log = logging.getLogger("loco.engine")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
QUIET_SECONDS = 150.0
"""A watch is told something about once a minute, if only a bookmark: one that is silent for longer is a dead line."""


class Mirror:
    """One kind in one namespace. `async with`; `changed` is set at each change."""

    def __init__(
        self,
        api: KubernetesApi,
        kind: Kind,
        namespace: str | None,
        changed: asyncio.Event,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._api = api
        self._kind = kind
        self._namespace = namespace
        self._labels = labels
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self.objects: dict[str, Object] = {}

    async def __aenter__(self) -> Self:
        version = await self._list()
        self._task = asyncio.create_task(self._keep(version), name=f"watch {self._kind.plural} of {self._namespace}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _list(self) -> str:
        found, version = await self._api.list(self._kind, self._namespace, labels=self._labels)
        self._put_all(found)
        return version

    async def _keep(self, version: str) -> None:
        pause = FIRST_PAUSE
        stale = False
        while True:
            try:
                if stale:
                    version, stale = await self._list(), False
                watch = self._api.watch(self._kind, self._namespace, version, labels=self._labels)
                async with asyncio.timeout(QUIET_SECONDS) as quiet, aclosing(watch) as events:
                    async for what, found in events:
                        quiet.reschedule(asyncio.get_running_loop().time() + QUIET_SECONDS)
                        version = str(found["metadata"]["resourceVersion"])
                        self._take(what, found)
                        pause = FIRST_PAUSE
            except RefusedError as error:
                stale = error.gone or error.status < 500  # 410 (`Expired`), or something else than a busy server
                _log.debug("the watch of %s was refused: %s", self._kind.plural, error)
                pause = max(pause, min(error.after, LONGEST_PAUSE))
            except (EngineDownError, TimeoutError) as error:
                _log.debug("the watch of %s broke: %r", self._kind.plural, error)
            except Exception:  # noqa: BLE001  who looks here would see nothing new any more, and not know it
                stale = True
                _log.exception("the watch of %s gave what is not understood", self._kind.plural)
            await asyncio.sleep(pause)  # also after a good end: a server that ends each at once is not to be stormed
            pause = min(pause * 2, LONGEST_PAUSE)

    def _take(self, what: str, found: Object) -> None:
        if what == "BOOKMARK":
            return
        if what == "DELETED":
            self._drop(found)
        else:
            self._put(found)

    def _put_all(self, found: Iterable[Object]) -> None:
        self.objects = {_key(each): each for each in found}
        self._changed.set()

    def _put(self, found: Object) -> None:
        self.objects[_key(found)] = found
        self._changed.set()

    def _drop(self, found: Object) -> None:
        self.objects.pop(_key(found), None)
        self._changed.set()


class Scene:
    """Everything that tells how a rollout goes, in one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, *kinds: Kind) -> None:
        self.changed = asyncio.Event()
        self._mirrors = {kind: Mirror(api, kind, namespace, self.changed) for kind in kinds}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for mirror in self._mirrors.values():
                await stack.enter_async_context(mirror)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._stack.aclose()

    def all(self, kind: Kind) -> list[Object]:
        return list(self._mirrors[kind].objects.values())

    async def next(self, at_most: float) -> None:
        """Return at the next change, or after so many seconds."""
        try:
            async with asyncio.timeout(at_most):
                await self.changed.wait()
        except TimeoutError:
            return
        self.changed.clear()


def _key(found: Object) -> str:
    meta = found["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"
