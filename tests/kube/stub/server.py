"""The API over the store, as HTTP on a port of loopback."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Self

from aiohttp import web

from tests.kube.stub.faults import Plan
from tests.kube.stub.store import KINDS, PODS, Key, Log, Object, RefusalError, Store

PATH = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+)(?:/(log))?)?")
GATEWAY: Object = {"resources": [{"name": "httproutes"}]}
FIXED = {"/version": {"gitVersion": "v1.36.0"}, "/apis/gateway.networking.k8s.io/v1": GATEWAY}
QUERY = re.compile(
    r"fieldManager|force|fieldValidation|labelSelector|limit|continue|watch|allowWatchBookmarks|resourceVersion"
    r"|timeoutSeconds|dryRun|follow|timestamps|sinceTime|tailLines|previous"
)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)


class Stub:
    """`async with`; what it does not know is refused, and fails the test at the end."""

    def __init__(
        self, plan: Plan | None = None, *, bookmark_seconds: float = 0.5, tls: SSLContext | None = None
    ) -> None:
        self.plan, self.store = plan or Plan(), Store()
        self.requests: list[Asked] = []
        self.unknown: list[str] = []
        self.warnings: dict[str, str] = {}
        """By path: the header that it answers with."""
        self._bookmark_seconds, self._tls, self._port = bookmark_seconds, tls, 0

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.down()
        assert not self.unknown, f"asked of the stub, and not known to it: {self.unknown}"

    async def up(self) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=4096, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Away, with all its connections, until `up`; it forgets nothing."""
        await self._runner.cleanup()

    def kubeconfig(self, folder: Path) -> Path:
        found: Object = {"apiVersion": "v1", "kind": "Config", "current-context": "stub"}
        server = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"
        found |= {"clusters": [{"name": "stub", "cluster": {"server": server, "insecure-skip-tls-verify": True}}]}
        found |= {"contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}]}
        path = folder / "stub.kubeconfig"
        path.write_text(json.dumps(found | {"users": [{"name": "stub", "user": {}}]}))
        return path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(Asked(request.method, request.path, dict(request.query)))
        fault = self.plan.fault(request.method, request.path)
        try:
            if isinstance(fault, int):
                raise RefusalError(fault, "", "as planned")
            if fault == "dropped":
                return broken(request)
            found = await self._found(request)
        except RefusalError as error:
            said = {"kind": "Status", "code": error.status, "reason": error.reason, "message": error.message}
            headers = {"Retry-After": str(self.plan.retry_after)} if error.status == 429 else None
            return web.json_response(said | {"details": {"causes": error.causes}}, status=error.status, headers=headers)
        if fault == "lost":
            return broken(request)
        if isinstance(found, web.StreamResponse):
            return found
        warning = self.warnings.get(request.path)
        if fault == "torn":
            await (response := await begun(request)).write(json.dumps(found).encode()[:-1])
            return broken(request, response)
        return web.json_response(found, headers=None if warning is None else {"Warning": warning})

    async def _found(self, request: web.Request) -> Object | web.StreamResponse:
        match, query = PATH.fullmatch(request.path), request.query
        collection = f"{match[1]}/{match[3]}" if match else ""
        if request.method == "GET" and request.path in FIXED:
            return FIXED[request.path]
        if request.path.startswith("/apis/metrics.k8s.io/"):
            raise RefusalError(404, "NotFound", "a cluster without metrics-server")
        if match is None or collection not in KINDS or not all(QUERY.fullmatch(each) for each in query):
            return self._unknown(request)
        key = (collection, match[2] or "", match[4] or "")
        body = json.loads(await request.read() or b"{}")
        store = self.store.dry() if query.get("dryRun") else self.store
        match request.method, bool(key[2]), match[5]:
            case "GET", True, "log" if collection == PODS:
                return await self._log(request, key)
            case "PATCH", True, None if request.content_type == "application/apply-patch+yaml":
                return store.apply(key, body, force=query.get("force") == "true")
            case "POST", False, None:
                if (*key[:2], body["metadata"]["name"]) in self.store.objects:
                    raise RefusalError(409, "AlreadyExists", f"{body['metadata']['name']} already exists")
                return store.write((*key[:2], body["metadata"]["name"]), body)
            case "PUT", True, None if key in self.store.objects:
                return self.store.write(key, body)
            case "GET", False, None if query.get("watch"):
                return await self._watch(request, key)
            case "GET", False, None:
                return self._list(key, query)
            case "DELETE", False, None:
                for found in self.store.of(collection, key[1], query.get("labelSelector", "")):
                    self.store.delete((collection, key[1], found["metadata"]["name"]))
                return {"kind": "Status", "status": "Success"}
            case "GET" | "DELETE" | "PUT", True, None:
                if key not in self.store.objects:
                    raise RefusalError(404, "NotFound", f'{key[0]} "{key[2]}" not found')
                return self.store.delete(key) if request.method == "DELETE" else self.store.objects[key]
        return self._unknown(request)

    def _unknown(self, request: web.Request) -> Object:
        self.unknown.append(f"{request.method} {request.path_qs}")
        raise RefusalError(404, "NotFound", "the stub does not know this")

    def _list(self, key: Key, query: Mapping[str, str]) -> Object:
        found = self.store.of(key[0], key[1], query.get("labelSelector", ""))
        start, limit = int(query.get("continue", 0)), int(query.get("limit", 0)) or len(found)
        items = [{k: v for k, v in each.items() if k not in {"kind", "apiVersion"}} for each in found]
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        meta = {"resourceVersion": str(self.store.version)} | more
        return {"kind": f"{KINDS[key[0]].kind}List", "metadata": meta, "items": items[start : start + limit]}

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        query, loop, die = request.query, asyncio.get_running_loop(), self.plan.die(f"watch {request.path}")
        cut = None if self.plan.watch_seconds is None else die.uniform(0.01, self.plan.watch_seconds)
        until, expires = loop.time() + (cut or float(query.get("timeoutSeconds", 60))), die.random() < self.plan.expired
        with self.store.watch(int(query["resourceVersion"]), *key[:2], query.get("labelSelector", "")) as queue:
            response = await begun(request)
            while loop.time() < until:
                try:
                    async with asyncio.timeout_at(min(until, loop.time() + self._bookmark_seconds)):
                        _, what, _, found = await queue.get()
                except TimeoutError:
                    what, found = "BOOKMARK", {"metadata": {"resourceVersion": str(self.store.version)}}
                line = json.dumps({"type": what, "object": found}).encode() + b"\n"
                torn = cut is not None and loop.time() >= until
                await response.write(line[: len(line) // 2] if torn else line)
                if what == "ERROR":
                    return response
        if expires:
            self.store.compact()
        return response if cut is None else broken(request, response)

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:
        query, previous = request.query, request.query.get("previous") == "true"
        if key not in self.store.objects:
            raise RefusalError(404, "NotFound", f'pods "{key[2]}" not found')
        log = (self.store.previous if previous else self.store.logs).get(key)
        if log is None:
            raise RefusalError(400, "BadRequest", f"the container of {key[2]} has no log")
        since = query.get("sinceTime", "")[:19]
        given = next((n for n, line in enumerate(log.lines) if line[0][:19] >= since), len(log.lines))
        given = max(given, len(log.lines) - int(query.get("tailLines", len(log.lines))))
        return await self._told(request, log, given, key if query.get("follow") else None)

    async def _told(self, request: web.Request, log: Log, given: int, following: Key | None) -> web.StreamResponse:
        cut = following and self.plan.log_lines is not None
        most = len(log.lines) - given + (self.plan.log_lines or 0)
        left = self.plan.die(f"log {request.path}").randint(0, most) if cut else 0
        response = await begun(request)
        while True:
            more = log.more
            for at, text in log.lines[given:]:
                line = f"{at} {text}\n".encode() if request.query.get("timestamps") else f"{text}\n".encode()
                if cut and not left:
                    await response.write(line[: len(line) // 2])
                    return broken(request, response)
                await response.write(line)
                given, left = given + 1, left - 1
            if following is None or following not in self.store.objects:
                return response
            try:
                async with asyncio.timeout(self._bookmark_seconds):
                    await more.wait()
            except TimeoutError:
                continue  # look whether the pod is there still


async def begun(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    return response


def broken(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()
