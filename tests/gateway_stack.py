"""The registry gateway whole: a real Envoy, a real registry, the two endpoints that decide, and a temporary folder."""

import asyncio
import contextlib
import http.client
import socket
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from loco_server import keys
from loco_server.edge.files import EnvoyEdge
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.decision import Challenge
from loco_server.gateway.tickets import Grant
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.gateway import gateway_route
from loco_server.http.rates import Rates
from loco_server.http.registry_token import SERVICE, TOKEN_PATH, token_route
from loco_server.local import envoy
from loco_server.local.registry import LocalRegistry
from loco_server.registries.distribution import Distribution
from loco_server.settings import Limits, Ports, Settings, TokenTimes
from tests.ports import free_port
from tests.registry_client import OCI_MANIFEST
from tests.waiting import eventually_async

T = TypeVar("T")


class Book:
    """Tickets that a test hands out and takes back."""

    def __init__(self) -> None:
        self.tickets: dict[tuple[str, str], Grant] = {}
        self.asked = 0

    async def grant(self, username: str, password: str) -> Grant | None:
        self.asked += 1
        return self.tickets.get((username, password))


class GatewayStack:
    """Made by `gateway_stack()`. Its servers live on an event loop of their own; `run` awaits something there."""

    def __init__(self, folder: Path, times: TokenTimes) -> None:
        ports = Ports(api=free_port(), edge=free_port(), registry=free_port())
        self.settings = Settings(data_dir=folder, ports=ports, tokens=times)
        self.settings.run_dir.mkdir(mode=0o700)
        self.book = Book()
        self.closed = ClosedDeployments(keep_seconds=times.honoured)
        self.said: list[str] = []
        self.tokens = RegistryTokens(keys.signing_key(self.settings.keys_dir / keys.GATEWAY_KEY), times)
        self.distribution = Distribution(socket=self.settings.registry_socket, keys_dir=self.settings.keys_dir)
        self.challenge = Challenge(realm=self.settings.api_url + TOKEN_PATH, service=SERVICE)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    def run(self, wanted: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(wanted, self._loop).result(120)

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Let it run until it is cancelled."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def ticket(self, repository: str, *actions: str, username: str = "abcdefghij-v1") -> tuple[str, str]:
        """Hand out a ticket; give username and password."""
        allowed = tuple(action for action in ("pull", "push") if action in actions)
        self.book.tickets[username, "secret"] = Grant(repository, allowed, username)
        return username, "secret"

    def token(self, repository: str, *actions: str, username: str = "abcdefghij-v1", age: float = 0) -> str:
        """Sign a token as the token endpoint would have, so many seconds ago."""
        allowed = tuple(action for action in ("pull", "push") if action in actions)
        grant = Grant(repository, allowed, username)
        return self.tokens.make(username, grant, allowed, issued_at=self.tokens.clock() - age)

    def ask(
        self, method: str, target: str, token: str | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the gateway with exactly this request line: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.ports.registry, timeout=30)
        try:
            headers = {"Accept": OCI_MANIFEST} | ({} if token is None else {"Authorization": f"Bearer {token}"})
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def stop_server(self) -> None:
        """End what Envoy asks, as when the server dies."""
        self.run(_end(*self._servers[0]))

    def _start(self) -> None:
        self._thread.start()
        self.run(self._start_all())

    async def _start_all(self) -> None:
        self.edge = EnvoyEdge(self.settings.data_dir / "edge", admin_socket=self.settings.envoy_socket)
        self.registry = LocalRegistry(self.settings, say=self.said.append)
        self.envoy = envoy.supervised(self.settings, self.edge, say=self.said.append)
        asking = gateway_route(
            tokens=self.tokens,
            registry=self.distribution,
            is_closed=self.closed.is_closed,
            read_only=lambda: self.registry.read_only,
            challenge=self.challenge,
        )
        internal = socket.socket(socket.AF_UNIX)
        internal.bind(str(self.settings.internal_socket))
        api = socket.socket()
        api.bind(("127.0.0.1", self.settings.ports.api))
        await self._serve(internal, asking)
        await self._serve(api, token_route(tokens=self.tokens, book=self.book, rates=Rates(Limits())))
        await asyncio.gather(self.registry.process.start(), self.envoy.start())

    async def _serve(self, bound: socket.socket, route: BaseRoute) -> None:
        config = uvicorn.Config(Starlette(routes=[route]), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = _Server(config)
        self._servers.append((server, asyncio.create_task(server.serve(sockets=[bound]))))
        await eventually_async(lambda: asyncio.sleep(0, server.started))

    def _stop(self) -> None:
        self.run(self._stop_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop_all(self) -> None:
        await asyncio.gather(self.registry.process.stop(), self.envoy.stop())
        for server, task in self._servers:
            await _end(server, task)
        await self.edge.close()
        await self.distribution.close()


async def _end(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # it does not run on the main thread


@contextmanager
def gateway_stack(times: TokenTimes | None = None) -> Iterator[GatewayStack]:
    """Start everything; stop it and remove the folder at the end."""
    with tempfile.TemporaryDirectory(prefix="loco-") as folder:  # pytest's folders may be too deep for a socket
        stack = GatewayStack(Path(folder), times or TokenTimes())
        stack._start()
        try:
            yield stack
        finally:
            stack._stop()
