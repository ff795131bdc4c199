"""A client that follows a stream and goes away when it has heard enough."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette


class Stream:
    """httpx's own transport waits for the end of an answer; this one reads while it is made."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, path: str, last_id: str | None) -> None:
        request = client.build_request("GET", path, headers={"accept": "text/event-stream"})
        if last_id is not None:
            request.headers["last-event-id"] = last_id
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.0"},  # the application watches for the client's going
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": ("loco", 80),
            "client": ("127.0.0.1", 123),
        }
        self._app = app
        self._came: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._rest = b""
        self._asked = False

    async def run(self) -> None:
        async def receive() -> dict[str, Any]:
            if not self._asked:
                self._asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        await self._app(self._scope, receive, self._came.put)

    def leave(self) -> None:
        self._gone.set()

    async def heard(self) -> tuple[str, str, Any]:
        """Give the next message: event, id and data. At the stream's end the event is empty."""
        async with asyncio.timeout(20):  # pings keep coming, whether or not anything else does
            return await self._heard()

    async def _heard(self) -> tuple[str, str, Any]:
        while True:
            while b"\n\n" in self._rest:
                block, _, self._rest = self._rest.partition(b"\n\n")
                fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if line[0] != ":")
                if fields:
                    return fields["event"], fields.get("id", ""), json.loads(fields["data"])
            part = await self._came.get()
            if part["type"] == "http.response.start":
                assert part["status"] == 200, part
                continue
            self._rest += part["body"]
            if not part.get("more_body", False):
                return "", "", None


@asynccontextmanager
async def following(
    app: Starlette, client: httpx.AsyncClient, path: str, last_id: str | None = None
) -> AsyncIterator[Stream]:
    stream = Stream(app, client, path, last_id)
    task = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        stream.leave()
        await asyncio.wait_for(task, 30)
