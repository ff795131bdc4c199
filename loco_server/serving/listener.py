"""A uvicorn server inside a process that has other things to do, and keeps its own signals."""

import asyncio
import contextlib
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

import uvicorn

WS_BYTES = 512 << 10
"""The most of one message; a first one has a command of 64 KiB in it, which JSON may write six times as long."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process ends for all its listeners at once, not for each


class Listener:
    """Serves one application on one bound socket.

    Args:
        graceful_seconds: for so long requests that are being answered are waited for at the end.
    """

    def __init__(self, app: Any, bound: socket, *, graceful_seconds: int = 1) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # else whoever is on this machine could write any address into the trail
            timeout_graceful_shutdown=graceful_seconds,  # followers of logs and events never end by themselves
            timeout_keep_alive=75,
            ws="websockets-sansio",
            ws_max_size=WS_BYTES,
            ws_per_message_deflate=False,  # what goes through is streams, and latency counts
            ws_ping_interval=None,  # a client that its own reader holds up answers none; http/sockets.py asks otherwise
        )
        if bound.family in {AF_INET, AF_INET6}:
            # What is accepted inherits it. asyncio sets it only where a socket names its protocol, which these do not;
            # an answer in two writes, head and body, would wait 40 ms for the client's kernel on a kept connection.
            bound.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._server = _Server(config)
        self._bound = bound
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
