"""The one place that speaks to the Kubernetes API: requests that are tried again, and what it refuses, as errors.

Server-side apply, lists and watches as the API concepts describe them; the transport, TLS and credentials (in the
cluster, or by kubeconfig) are kubernetes_asyncio's.
"""

import asyncio
import json
import random
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncGenerator, Mapping, MutableSequence
from contextlib import aclosing
from typing import Any

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import kinds, names, reading
from loco_server.engines.kubernetes.kinds import Kind
from loco_server.engines.kubernetes.refusals import RefusedError, crossed, status_of, warned

__all__ = ["KubernetesApi", "Object", "RefusedError"]

APPLY = "application/apply-patch+yaml"
REQUEST_SECONDS = 30.0
TRIES = 8
LOG_TRIES = 5
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LONGEST_ASKED = 15.0
"""Seconds that a busy API may ask for before the next try (`Retry-After`)."""
PAGE = 500
ASKED_AT_ONCE = 64
"""Requests, without the streams."""
TLS_BYTES = 16 << 10
"""One TLS record. asyncio sets 256 KiB aside for each connection to be read into, for each followed log too."""
WATCH_SECONDS = 240
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})

Object = dict[str, Any]


class KubernetesApi:
    """By a kubeconfig, or, without one, as a pod of the cluster; connected with the first request."""

    def __init__(self, kubeconfig: str | None, *, tries: int = TRIES) -> None:
        self._kubeconfig = kubeconfig
        self._tries = tries
        self._connected: ApiClient | None = None
        self._connecting = asyncio.Lock()
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)

    async def client(self) -> ApiClient:
        async with self._connecting:
            if self._connected is None:
                found = Configuration()
                SSLProtocol.max_size = TLS_BYTES
                found.connection_pool_maxsize = 0  # any number: each watch and each followed log holds one
                try:
                    if self._kubeconfig is not None:
                        await config.load_kube_config(config_file=self._kubeconfig, client_configuration=found)
                    else:
                        config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
                except (config.ConfigException, OSError) as error:
                    raise EngineDownError(f"there is no way into the cluster: {error}") from error
                self._connected = ApiClient(configuration=found)
            return self._connected

    async def close(self) -> None:
        if self._connected is not None:
            await self._connected.close()

    # ---- objects

    async def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        manager: str = names.MANAGER,
        force: bool = False,
        version: str | None = None,
        dry: MutableSequence[str] | None = None,
    ) -> Object:
        """Apply server-side; `version`: only onto the object as it was read. `dry`: nothing is kept; takes warnings.

        Raises:
            RefusedError: among them a conflict, with the other managers' names.
        """
        body = dict(manifest)
        if version is not None:
            body["metadata"] = dict(body["metadata"]) | {"resourceVersion": version}
        meta = body["metadata"]
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        path = kinds.of(manifest).path(meta.get("namespace"), meta["name"])
        query |= {} if dry is None else {"dryRun": "All"}
        return await self._json("PATCH", path, query, body, content=APPLY, warnings=dry)

    async def make(self, manifest: Mapping[str, Any], *, replace: bool, dry: bool = False) -> None:
        """Make an object; one that is there is replaced as a whole, or stays as it is. `dry`: only find out.

        Nothing of what is there comes back. A patch is answered with it, and one that is refused may be too.

        Raises:
            RefusedError
            EngineDownError: others make it and take it away all the time.
        """
        meta, kind = manifest["metadata"], kinds.of(manifest)
        query = {"fieldManager": names.MANAGER, "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry else {})
        for _ in range(TRIES):
            try:
                if replace:
                    await self._json("PUT", kind.path(meta.get("namespace"), meta["name"]), query, manifest)
                    return
            except RefusedError as error:
                if not error.missing:
                    raise
            try:
                await self._json("POST", kind.path(meta.get("namespace")), query, manifest)
            except RefusedError as error:
                if error.reason != "AlreadyExists":
                    raise
                if not replace:
                    return
            else:
                return
        raise EngineDownError(f"{kind.kind} {meta['name']} is made and removed by others all the time")

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        try:
            return await self._json("GET", kind.path(namespace, name))
        except RefusedError as error:
            if error.missing:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> tuple[list[Object], str]:
        """Give all objects, read in pages, and the resource version to watch from."""
        found: list[Object] = []
        query = {"limit": str(PAGE)} | _selected(labels)
        while True:
            page = await self._json("GET", kind.path(namespace), query)
            found += page.get("items") or []
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                return found, str(meta.get("resourceVersion", "0"))
            query["continue"] = meta["continue"]

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, grace: int | None = None) -> None:
        """Ask for its end, what it owns included. What is gone already is no error."""
        body: Object = {"propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            await self._json("DELETE", kind.path(namespace, name), body=body)
        except RefusedError as error:
            if not error.missing:
                raise

    async def delete_all(self, kind: Kind, namespace: str, labels: str) -> None:
        """Ask for the end of all that the label selector meets."""
        await self._json("DELETE", kind.path(namespace), {"labelSelector": labels})

    async def watch(
        self, kind: Kind, namespace: str | None, version: str, *, labels: Mapping[str, str] | None = None
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """Give (`ADDED`, object) and so on, bookmarks too, until the server ends the watch: then begin at the last one.

        Raises:
            RefusedError: with `gone`: list again.
            EngineDownError: the connection broke.
        """
        query = _selected(labels) | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS + random.randint(0, 60)),  # noqa: S311  spreads reconnects
        }
        response = await self._once("GET", kind.path(namespace), query, None, streaming=True)
        try:
            async with aclosing(reading.events(response)) as lines:
                async for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise RefusedError(int(event["object"].get("code") or 500), event["object"])
                    yield event["type"], event["object"]
        except (EngineDownError, ValueError) as error:
            raise EngineDownError(f"the watch of {kind.plural} broke: {error}") from error
        finally:
            response.close()

    async def log(self, namespace: str, pod: str, query: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Open a pod's log, to be read with `reading.lines` and closed."""
        path = f"{kinds.POD.path(namespace, pod)}/log"
        return await self._again("GET", path, dict(query), None, streaming=True)

    async def log_text(self, namespace: str, pod: str, query: Mapping[str, str]) -> str:
        """Give the few lines that `tailLines` asks for; what breaks off is asked for again.

        Raises:
            RefusedError: the pod is gone, or has no log.
            EngineDownError: the API does not answer, or the log broke off each time.
        """
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                for left in reversed(range(LOG_TRIES)):
                    async with await self.log(namespace, pod, query) as response:
                        try:
                            return await reading.text(response)
                        except EngineDownError:
                            if not left:
                                raise
        except TimeoutError as error:
            raise EngineDownError(f"the log of {pod} does not end") from error
        raise AssertionError("unreachable")

    async def serves(self, kind: Kind) -> bool:
        """Whether the API knows the kind."""
        path = kind.path().rpartition("/")[0]
        try:
            found = await self._json("GET", path)
        except RefusedError as error:
            if error.missing:
                return False
            raise
        return any(each["name"] == kind.plural for each in found.get("resources") or [])

    async def ask(self, path: str, body: Object | None = None, query: Mapping[str, str] | None = None) -> Object:
        """Ask what is no object that is kept: discovery, or, with a body, a review of rights and a dry run."""
        return await self._json("GET" if body is None else "POST", path, query, body)

    async def version(self) -> str:
        return str((await self._json("GET", "/version")).get("gitVersion", ""))

    # ---- requests

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content: str = "application/json",
        warnings: MutableSequence[str] | None = None,
    ) -> Object:
        response = await self._again(method, path, dict(query or {}), body, content=content)
        if warnings is not None:
            warnings += warned(response.headers.getall("Warning", ()))
        async with response:
            try:
                found = await response.json(content_type=None)
            except (ValueError, LookupError, RecursionError) as error:
                said = (await response.read())[:100].decode(errors="replace")
                raise EngineDownError(f"what answers for the Kubernetes API gave no JSON: {said!r}") from error
        return found if isinstance(found, dict) else {}

    async def _again(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any,
        *,
        content: str = "application/json",
        streaming: bool = False,
    ) -> aiohttp.ClientResponse:
        """Ask until it answers: every request of loco's may be repeated, an apply and a delete too.

        Raises:
            RefusedError: it answered no.
            EngineDownError: it did not answer, or was busy, each time.
        """
        pause = FIRST_PAUSE
        for left in reversed(range(self._tries)):
            asked = 0.0
            try:
                return await self._once(method, path, query, body, content=content, streaming=streaming)
            except RefusedError as error:
                if error.status not in _AGAIN and (method == "POST" or not crossed(error, body)):
                    raise
                if not left:
                    raise EngineDownError(f"the Kubernetes API is busy: {error.message[:200]}") from error
                asked = min(error.after, LONGEST_ASKED)
            except EngineDownError:
                if not left:
                    raise
            await asyncio.sleep(asked + pause * random.uniform(0.5, 1))  # noqa: S311  spreads the tries of many
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("unreachable")

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        *,
        content: str = "application/json",
        streaming: bool = False,
    ) -> aiohttp.ClientResponse:
        if not streaming:
            async with self._asking:
                return await self._open(method, path, query, body, content=content, streaming=False)
        return await self._open(method, path, query, body, content=content, streaming=True)

    async def _open(
        self, method: str, path: str, query: Mapping[str, str], body: Any, *, content: str, streaming: bool
    ) -> aiohttp.ClientResponse:
        total = None if streaming else REQUEST_SECONDS
        try:
            client = await self.client()
            response: aiohttp.ClientResponse = await client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={
                    "Accept": "application/json" if not path.endswith("/log") else "*/*",
                    "Content-Type": content,
                },
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=aiohttp.ClientTimeout(total=total, sock_connect=10),
            )
            if response.status < 400:
                if not streaming:
                    await response.read()  # here, so that what breaks off is asked for again
                return response
            async with response:
                after = response.headers.get("Retry-After", "")
                raise RefusedError(
                    response.status, status_of(await response.read()), float(after) if after.isdecimal() else 0
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineDownError(
                f"the Kubernetes API does not answer: {str(error) or type(error).__name__}"
            ) from error


def _selected(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())} if labels else {}
