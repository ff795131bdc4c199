"""The registry gateway whole: a real Envoy, a real registry, the two endpoints that decide, and a temporary folder.

The registry is our own at its socket, our own by HTTP, or somebody else's (see `foreign_registry`).
"""

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
from starlette.types import ASGIApp

from loco_server import keys
from loco_server.edge.files import EnvoyEdge
from loco_server.edge.upstream import RegistryUpstream
from loco_server.gateway.closed import ClosedDeployments
from loco_server.gateway.decision import Challenge
from loco_server.gateway.tickets import Grant
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.gateway import gateway_route
from loco_server.http.rates import Rates
from loco_server.http.registry_token import SERVICE, TOKEN_PATH, token_route
from loco_server.local import envoy
from loco_server.local.registry import LocalRegistry
from loco_server.registries.api import RegistryApi
from loco_server.registries.distribution import Distribution
from loco_server.registries.gitlab import GitLab
from loco_server.registries.harbor import Harbor
from loco_server.settings import Limits, Ports, Settings, TokenTimes
from tests.certificates import Authority
from tests.foreign_registry import SECRET, ForeignRegistry
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

    def __init__(
        self,
        folder: Path,
        times: TokenTimes,
        kind: str,
        authority: Authority | None = None,
        trusted: Authority | None = None,
    ) -> None:
        ports = Ports(api=free_port(), edge=free_port(), registry=free_port())
        self.settings = Settings(data_dir=folder, ports=ports, tokens=times)
        self.settings.run_dir.mkdir(mode=0o700)
        self.book = Book()
        self.closed = ClosedDeployments(keep_seconds=times.honoured)
        self.said: list[str] = []
        self.tokens = RegistryTokens(keys.signing_key(self.settings.keys_dir / keys.GATEWAY_KEY), times)
        self.distribution = Distribution(socket=self.settings.registry_socket, keys_dir=self.settings.keys_dir)
        self.member: RegistryApi = self.distribution
        """Of the seam: what the server asks, and what the gateway takes its credential from."""
        self.foreign: ForeignRegistry | None = None
        self._kind = kind
        self._authority = authority
        self._trusted = trusted
        self._forward: asyncio.Server | None = None
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
        try:
            self.run(self._start_all())
        except BaseException:
            self._stop()
            raise

    async def _start_all(self) -> None:
        self.edge = EnvoyEdge(self.settings.data_dir / "edge", admin_socket=self.settings.envoy_socket)
        self.registry = LocalRegistry(self.settings, say=self.said.append)
        upstream = None
        if self._kind == "http":
            await self._by_http()
        elif self._kind != "socket":
            upstream = await self._start_foreign()
        self.envoy = envoy.supervised(self.settings, self.edge, say=self.said.append, upstream=upstream)
        asking = gateway_route(
            tokens=self.tokens,
            registry=self.member,
            is_closed=self.closed.is_closed,
            read_only=lambda: self.registry.read_only,
            challenge=self.challenge,
        )
        internal = socket.socket(socket.AF_UNIX)
        internal.bind(str(self.settings.internal_socket))
        api = socket.socket()
        api.bind(("127.0.0.1", self.settings.ports.api))
        await self._serve(internal, Starlette(routes=[asking]))
        buying = token_route(tokens=self.tokens, book=self.book, rates=Rates(Limits()))
        await self._serve(api, Starlette(routes=[buying]))
        await asyncio.gather(self.registry.process.start(), self.envoy.start())

    async def _by_http(self) -> None:
        """Give the real registry a port, too."""

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while piece := await reader.read(1 << 16):
                    writer.write(piece)
                    await writer.drain()
            writer.close()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there = await asyncio.open_unix_connection(str(self.settings.registry_socket))
            except OSError:
                writer.close()
                return
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

        self._forward = await asyncio.start_server(forward, "127.0.0.1", 0)
        port = self._forward.sockets[0].getsockname()[1]
        self.member = Distribution(url=f"http://127.0.0.1:{port}/", keys_dir=self.settings.keys_dir)

    async def _start_foreign(self) -> RegistryUpstream:
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"http://127.0.0.1:{port}" if self._authority is None else f"https://localhost:{port}"
        self.foreign = ForeignRegistry(
            self._kind, url, registry=self.distribution, socket=self.settings.registry_socket
        )
        authorities, pair = self.settings.data_dir / "authority.pem", None
        if self._authority is not None and self._trusted is not None:
            authorities.write_bytes(self._trusted.certificate)
            pair = self._authority.pair("localhost").write(self.settings.data_dir)
        await self._serve(bound, self.foreign.app(), pair)
        secret = self.settings.data_dir / "registry-password"
        secret.write_text(f"{SECRET}\n")
        secret.chmod(0o600)
        made = Harbor if self._kind == "harbor" else GitLab
        self.member = made(
            url=self.foreign.url,
            prefix=self.foreign.prefix,
            username=self.foreign.username,
            password_file=secret,
            ca_file=authorities if self._authority is not None else None,
        )
        return RegistryUpstream(self.foreign.url, self.foreign.prefix, authorities)

    async def _serve(self, bound: socket.socket, app: ASGIApp, tls: tuple[Path, Path] | None = None) -> None:
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        if tls is not None:
            config.ssl_certfile, config.ssl_keyfile = map(str, tls)
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
        await self.member.close()
        if self.foreign is not None:
            await self.foreign.close()
        if self._forward is not None:
            self._forward.close()


async def _end(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # it does not run on the main thread


@contextmanager
def gateway_stack(
    times: TokenTimes | None = None,
    *,
    kind: str = "socket",
    authority: Authority | None = None,
    trusted: Authority | None = None,
) -> Iterator[GatewayStack]:
    """Start everything; stop it and remove the folder at the end.

    Args:
        times: of tokens.
        kind: socket, http, harbor or gitlab.
        authority: who signs for the foreign registry; None: it has no TLS.
        trusted: whom Envoy and the server believe; None: that one.
    """
    with tempfile.TemporaryDirectory(prefix="loco-") as folder:  # pytest's folders may be too deep for a socket
        stack = GatewayStack(Path(folder), times or TokenTimes(), kind, authority, trusted or authority)
        stack._start()
        try:
            yield stack
        finally:
            stack._stop()
