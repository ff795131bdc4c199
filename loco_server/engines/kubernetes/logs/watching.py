"""The installation's pods, for everybody who follows a log: one watch for all of them, from the first on."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from loco_server.engines.base import AppRef
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object
from loco_server.engines.kubernetes.mirror import Mirror


class Watching:
    def __init__(self, api: KubernetesApi, installation: str) -> None:
        self._pods = _Pods(api, installation)
        self._begun = False
        self._beginning = asyncio.Lock()

    @asynccontextmanager
    async def of(self, app: AppRef) -> AsyncIterator["View"]:
        """Give the app's pods, as they are at any time.

        Raises:
            EngineDownError: the cluster does not answer.
        """
        async with self._beginning:
            if not self._begun:
                await self._pods.__aenter__()
                self._begun = True
        view = View(self._pods, app.app_id)
        self._pods.views.setdefault(app.app_id, set()).add(view)
        try:
            yield view
        finally:
            views = self._pods.views[app.app_id]
            views.discard(view)
            if not views:
                del self._pods.views[app.app_id]

    async def aclose(self) -> None:
        await self._pods.__aexit__(None, None, None)


class View:
    """One app's pods. `changed` is set at each change."""

    def __init__(self, pods: "_Pods", app_id: str) -> None:
        self._pods = pods
        self._app_id = app_id
        self.changed = asyncio.Event()

    @property
    def pods(self) -> list[Object]:
        return list(self._pods.of_app.get(self._app_id, {}).values())


class _Pods(Mirror):
    """Holds no more of each pod than readers of its log need to know: there may be thousands."""

    def __init__(self, api: KubernetesApi, installation: str) -> None:
        super().__init__(api, kinds.POD, None, asyncio.Event(), labels={names.INSTALLATION: installation})
        self.of_app: dict[str, dict[str, Object]] = {}
        self.views: dict[str, set[View]] = {}

    def _put_all(self, found: Iterable[Object]) -> None:
        self.of_app.clear()
        for each in found:
            self.of_app.setdefault(_app_id(each), {})[each["metadata"]["uid"]] = _slim(each)
        self._tell(self.views)

    def _put(self, found: Object) -> None:
        self.of_app.setdefault(_app_id(found), {})[found["metadata"]["uid"]] = _slim(found)
        self._tell([_app_id(found)])

    def _drop(self, found: Object) -> None:
        there = self.of_app.get(_app_id(found), {})
        there.pop(found["metadata"]["uid"], None)
        if not there:
            self.of_app.pop(_app_id(found), None)
        self._tell([_app_id(found)])

    def _tell(self, app_ids: Iterable[str]) -> None:
        for app_id in app_ids:
            for view in self.views.get(app_id, ()):
                view.changed.set()


def _app_id(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(names.APP_ID, ""))


def _slim(pod: Object) -> Object:
    meta, status = pod["metadata"], pod.get("status") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key in {names.DEPLOYMENT, names.ROLE}}
    containers = [
        {"state": dict.fromkeys(each.get("state") or {}), "restartCount": each.get("restartCount", 0)}
        for each in status.get("containerStatuses") or []
    ]
    return {
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"], "labels": labels},
        "status": {"phase": status.get("phase"), "containerStatuses": containers},
    }
