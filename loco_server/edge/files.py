"""The edge by files: Envoy watches a directory, and every change is waited for until Envoy says that it is in force.

What is published stands in one state file; the files that Envoy reads are made from it. A change goes in three steps,
so that no route ever names a cluster that is not there: old and new clusters, then the routes, then the new clusters
alone.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from loco_server.edge import config
from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRejectedError, EdgeRoute
from loco_server.edge.parts import Document

APPLY_SECONDS = 10.0
_LOOK_EVERY = 0.01
# Envoy says "in force" on its main thread; its workers take what is new at their next turn, in the order in which it
# came: clusters and then routes need one wait. That a cluster goes which no route names, nobody notices.
_WORKERS_TAKE_OVER_SECONDS = 0.05


@dataclass(frozen=True)
class _File:
    name: str
    stats: str
    """The prefix of its counters on the admin interface."""


_CLUSTERS = _File(config.CLUSTERS_FILE, "cluster_manager.cds")
_ROUTES = _File(config.ROUTES_FILE, f"http.edge.rds.{config.ROUTES_NAME}")


@dataclass(eq=False)
class _Change:
    app_id: str
    app: EdgeApp | None
    """None: retire."""
    done: bool = False
    refused: EdgeRejectedError | None = None


class EnvoyEdge:
    """The edge of one Envoy.

    Args:
        folder: the edge's own; `folder/watched` is what Envoy's bootstrap watches.
        admin_socket: Envoy's admin interface.
    """

    def __init__(self, folder: Path, *, admin_socket: Path) -> None:
        self._state_file = folder / "published.json"
        self._fresh = folder / "fresh"
        self.watched = folder / "watched"
        self._admin_socket = admin_socket
        self._admin: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()
        self._waiting: list[_Change] = []
        self._left: list[str] = []
        self.watched.mkdir(parents=True, exist_ok=True)
        self._apps = _read_state(self._state_file)
        self._resume()

    def published(self) -> Mapping[str, EdgeApp]:
        """What is published, by app id. Survives a restart of the server."""
        return dict(self._apps)

    async def publish(self, app: EdgeApp) -> None:
        """Replace what the edge serves for the app; return when it is seen in force.

        Raises:
            EdgeRejectedError: refused or not applied within 10 s; the former state was put back.
        """
        await self._change(_Change(app.app_id, app))

    async def retire(self, app_id: str) -> None:
        """Serve the app no more. Unknown ids are no error.

        Raises:
            EdgeRejectedError: not applied within 10 s.
        """
        if app_id in self._apps or self._waiting or self._lock.locked():
            await self._change(_Change(app_id, None))

    async def tidy(self) -> None:
        """Forget the clusters that a killed server has left, once they answer nothing any more."""
        if not self._left:
            return  # nothing to wait for, however long a publish holds the lock
        async with self._lock:
            if self._left and not sum([await self.active_requests(name) for name in self._left]):
                try:
                    if await self._put(_ROUTES, config.routes(self._apps.values(), "")):
                        await asyncio.sleep(_WORKERS_TAKE_OVER_SECONDS)
                    await self._put(_CLUSTERS, config.clusters(self._apps.values(), ""))
                except EdgeRejectedError:
                    return  # the next time
                self._left = []

    async def active_requests(self, cluster: str) -> int:
        """How many requests are being answered by the cluster right now; 0 for an unknown one."""
        escaped = cluster.replace(".", r"\.")
        found = await self._stats(rf"^cluster\.{escaped}\.upstream_rq_(active|pending_active)$")
        return 0 if found is None else sum(int(value) for value in found.values())

    async def requests(self) -> Mapping[str, int]:
        """How many requests each app has had since Envoy was started; empty where Envoy does not answer."""
        found = await self._stats(r"^cluster\..+\.upstream_rq_total$")
        if found is None:
            return {}
        names = {app_id: [cluster.name for cluster in app.clusters] for app_id, app in self._apps.items()}
        return {
            app_id: sum(int(found.get(f"cluster.{name}.upstream_rq_total", 0)) for name in clusters)
            for app_id, clusters in names.items()
        }

    async def exposition(self, pattern: str) -> str:
        """Give Envoy's own numbers, of what the pattern names, as Prometheus reads them; empty: it does not answer."""
        try:
            return (await self._asked("/stats/prometheus", {"filter": pattern, "usedonly": ""})).text
        except httpx.HTTPError:
            return ""

    async def close(self) -> None:
        if self._admin is not None:
            await self._admin.aclose()
            self._admin = None

    async def _change(self, change: _Change) -> None:
        """Whoever gets the lock applies everything that waits; the others find their change done."""
        self._waiting.append(change)
        async with self._lock:
            if not change.done:
                await self._apply_waiting()
        if change.refused is not None:
            raise change.refused

    async def _apply_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            refused = await self._try(batch)
            if refused is not None and len(batch) > 1:  # one bad change must not fail the others
                for change in batch:
                    change.refused = await self._try([change])
                    change.done = True
            else:
                for change in batch:
                    change.refused, change.done = refused, True
        finally:  # when cancelled, the next one goes on with what was not done
            self._waiting = [change for change in batch if not change.done] + self._waiting

    async def _try(self, batch: Sequence[_Change]) -> EdgeRejectedError | None:
        wanted = dict(self._apps)
        for change in batch:
            if change.app is None:
                wanted.pop(change.app_id, None)
            else:
                wanted[change.app_id] = change.app
        before = self._apps
        try:
            changed = await self._put(_CLUSTERS, config.clusters(_both(before, wanted), ""))
            changed |= await self._put(_ROUTES, config.routes(wanted.values(), ""))
            if changed:
                await asyncio.sleep(_WORKERS_TAKE_OVER_SECONDS)
            self._apps = wanted
            self._save_state()
            await self._put(_CLUSTERS, config.clusters(wanted.values(), ""))
        except EdgeRejectedError as e:
            self._put_back(before)
            return e
        return None

    async def _put(self, file: _File, document: Document) -> bool:
        """Write the file if it says something else, and wait until Envoy has it in force. Give whether it did."""
        stats = rf"^{file.stats.replace('.', chr(92) + '.')}\.(version_text|update_rejected|update_failure)$"
        before = await self._stats(stats) or {}
        deadline = time.monotonic() + APPLY_SECONDS
        version, changed = self._write_if_new(file, document)
        while True:
            now = await self._stats(stats)
            if now is not None:
                if now.get(f"{file.stats}.version_text") == version:
                    break
                for counter in ("update_rejected", "update_failure"):
                    name = f"{file.stats}.{counter}"
                    if changed and int(now.get(name, 0)) > int(before.get(name, 0)):
                        raise EdgeRejectedError(f"Envoy refused {file.name}; its log says why")
            if time.monotonic() > deadline:
                what = "does not answer" if now is None else f"did not apply {file.name}"
                raise EdgeRejectedError(f"Envoy {what} within {APPLY_SECONDS:.0f} s")
            await asyncio.sleep(_LOOK_EVERY)
        return changed

    def _resume(self) -> None:
        """Make Envoy's files say what the state says, with the clusters that they had besides left in.

        A server that was killed between the steps left routes that may name clusters the state does not know.
        """
        known = {cluster.name for app in self._apps.values() for cluster in app.clusters}
        wanted = config.clusters(self._apps.values(), "")
        had = _read(self.watched / _CLUSTERS.name).get("resources", [])
        left = [cluster for cluster in had if cluster["name"] not in known]
        self._left = [str(cluster["name"]) for cluster in left]
        wanted["resources"] += left
        self._write_if_new(_CLUSTERS, wanted)
        self._write_if_new(_ROUTES, config.routes(self._apps.values(), ""))

    def _put_back(self, before: dict[str, EdgeApp]) -> None:
        """Undo the steps, in the order in which no route names a cluster that is gone."""
        self._apps = before
        self._save_state()
        self._write_if_new(_ROUTES, config.routes(before.values(), ""))
        self._write_if_new(_CLUSTERS, config.clusters(before.values(), ""))

    def _save_state(self) -> None:
        _write(self._state_file, self._fresh, {key: asdict(app) for key, app in self._apps.items()}, durable=True)

    def _write_if_new(self, file: _File, document: Document) -> tuple[str, bool]:
        """Give the version that stands in the file now, and whether it was written."""
        path = self.watched / file.name
        had = _read(path)
        if had.get("resources") == document["resources"]:
            return str(had["version_info"]), False
        version = str(time.time_ns())
        _write(path, self._fresh, document | {"version_info": version})
        return version, True

    async def _stats(self, pattern: str) -> dict[str, Any] | None:
        """Ask the admin interface; None when it does not answer."""
        try:
            answer = await self._asked("/stats", {"format": "json", "filter": pattern})
            return {item["name"]: item["value"] for item in answer.json()["stats"] if "name" in item}
        except (httpx.HTTPError, ValueError):
            return None

    async def _asked(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        if self._admin is None:
            transport = httpx.AsyncHTTPTransport(uds=str(self._admin_socket))
            self._admin = httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=2)
        answer = await self._admin.get(path, params=query)
        answer.raise_for_status()
        return answer


def _both(before: Mapping[str, EdgeApp], wanted: Mapping[str, EdgeApp]) -> list[EdgeApp]:
    """All clusters of both; where both have a name, the wanted one."""
    names = {cluster.name for app in wanted.values() for cluster in app.clusters}
    old = [
        EdgeApp(app.app_id, tuple(cluster for cluster in app.clusters if cluster.name not in names), ())
        for app in before.values()
    ]
    return [*wanted.values(), *old]


def _read(path: Path) -> dict[str, Any]:
    """Read a file of ours; one that is not there, or was cut by a loss of power, says nothing."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _read_state(path: Path) -> dict[str, EdgeApp]:
    return {
        key: EdgeApp(
            app_id=app["app_id"],
            clusters=tuple(
                EdgeCluster(
                    item["name"], item["protocol"], tuple((address, port) for address, port in item["endpoints"])
                )
                for item in app["clusters"]
            ),
            routes=tuple(EdgeRoute(**item) for item in app["routes"]),
            notice=app.get("notice", ""),
        )
        for key, app in _read(path).items()
    }


def _write(path: Path, fresh: Path, document: Mapping[str, Any], *, durable: bool = False) -> None:
    """Replace the file as a whole. The new one is made outside the watched directory, and only moved into it.

    `durable`: it must be there after a power cut too; Envoy's files are made from the state at each start.
    """
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump(document, file, sort_keys=True)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)
