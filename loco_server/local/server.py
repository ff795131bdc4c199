"""The server process of `loco-server local`: everything in one data folder, started, watched and stopped together."""

import logging
import os
import pwd
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from starlette.applications import Starlette

from loco_server import keys
from loco_server.admin.app import admin_app
from loco_server.edge.base import Edge
from loco_server.edge.config import AUTHORIZE_PATH, AUTHORIZE_PUBLIC_PATH
from loco_server.edge.files import EnvoyEdge
from loco_server.edge.stopped import StoppedEdge
from loco_server.gateway.decision import Challenge
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.forwarded import behind_envoy
from loco_server.http.gateway import gateway_route
from loco_server.http.registry_token import SERVICE, TOKEN_PATH
from loco_server.local import base_images, envoy, folder, lock, ports
from loco_server.local.certificate import Certificate
from loco_server.local.processes import Supervised
from loco_server.local.registry import LocalRegistry
from loco_server.policy.base_images import BaseImage
from loco_server.records.database import Database
from loco_server.serving.beside import Beside
from loco_server.serving.monitor import Monitor
from loco_server.serving.process import application, in_background, listen, listen_unix, signalled
from loco_server.serving.readiness import Readiness
from loco_server.settings import Settings
from loco_server.telemetry import logs, spans
from loco_server.telemetry.metrics import Metrics
from loco_server.telemetry.requests import Decisions
from loco_server.wiring import Parts, wire
from loco_spec.errors import Conflict

log = logging.getLogger("loco")


class LocalServer:
    """`say` tells the operator in one line what happened."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._base_images: tuple[BaseImage, ...] = ()
        self._serving = False
        self._adopted: set[Supervised] = set()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then stop everything, the apps included. On a public machine they go on.

        Raises:
            FolderTakenError: another server has the folder.
            LocoError: it cannot be started.
            ProcessDiedError: Envoy or the registry does not start. Nothing is left behind.
        """
        settings = self._settings
        logs.configure(settings.telemetry.log_format, settings.telemetry.log_level)
        spans.begin()
        self._base_images = base_images.load(settings.base_images)
        folder.make(settings)
        with lock.held(settings.data_dir, api_url=settings.api_url):
            async with AsyncExitStack() as stack:
                stack.push_async_callback(spans.end)
                await self._serve(stack)
        self._say("stopped")

    async def clean(self, *, remove: bool) -> None:
        """Without a server: stop the installation's containers, or remove all that it has on the engine."""
        with lock.held(self._settings.data_dir, api_url=self._settings.api_url):
            parts = await self._wire(StoppedEdge(), _nothing_to_collect, _nothing_to_cut)
            try:
                await (parts.engine.remove_all() if remove else parts.engine.stop())
            finally:
                await parts.engine.close()
                await parts.database.close()

    async def _serve(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        ended = signalled()
        api_socket = self._listen_tcp()
        monitor_socket = self._listen_monitor()
        internal_socket = listen_unix(settings.internal_socket)
        admin_socket = listen_unix(settings.admin_socket)
        folder.claim(settings)
        folder.forget_sign_ins(settings)
        if settings.public is None:
            folder.migrate(settings, say=self._say)
        else:
            folder.refuse_old(settings)
        certificate = self._certificate()
        registry = LocalRegistry(settings, say=self._say)
        edge = EnvoyEdge(settings.data_dir / "edge", admin_socket=settings.envoy_socket)
        proxy = envoy.supervised(settings, edge, say=self._say)
        parts = await self._wire(edge, registry.garbage_collect, registry.cut_pushes)
        readiness = Readiness("the container engine")
        monitor = Monitor(parts.metrics, readiness)
        monitor.begin(parts, edge.exposition)
        stack.push_async_callback(parts.database.close)
        stack.push_async_callback(parts.engine.close)
        stack.push_async_callback(monitor.close)
        tokens = RegistryTokens(keys.signing_key(settings.keys_dir / keys.GATEWAY_KEY), settings.tokens)
        await parts.remember_closed()
        await parts.rotation.unlock()

        decides = self._internal_app(parts, tokens, registry)
        await listen(stack, Decisions(decides, parts.metrics), internal_socket)
        for name, process in (("registry", registry.process), ("envoy", proxy)):
            stack.push_async_callback(self._leave, process)
            if await process.start():
                self._adopted.add(process)
                self._say(f"{name} runs already: adopted")
        await self._administrator(parts)
        await parts.engine.check()
        # Apps stop with the server, unless it is killed: registered before the worker, so that it runs after it.
        stack.push_async_callback(self._stop_apps, parts)
        await parts.worker.resume()
        stack.push_async_callback(parts.worker.close)
        stack.push_async_callback(parts.suspend.close)
        # Before anything is brought back: what is pulled for it asks this very API for its token.
        serves = application(settings, parts, tokens)
        health = readiness.routes()
        own = [*health, *monitor.routes()]  # on loopback: nobody from afar comes by there
        await listen(stack, Beside(own, serves), api_socket)
        if monitor_socket is not None:
            await listen(stack, Starlette(routes=own), monitor_socket)
        await listen(stack, admin_app(parts), admin_socket)
        if certificate is not None:
            await listen(stack, Beside(health, behind_envoy(serves)), listen_unix(settings.api_socket))
            in_background(stack, certificate.watch())
        self._serving = True
        self._say(f"serving: {settings.public_api_url} (apps: {settings.apps_url}, data: {settings.data_dir})")
        for work in (
            parts.worker.run(),
            parts.housekeeping.run(),
            parts.deploy.resume(),
            parts.destroy.resume(),
            registry.process.watch(),
            proxy.watch(),
            self._tell_ready(parts, readiness),
            parts.metrics.watch_loop(),
            readiness.watch_records(parts.database),
            readiness.watch_engine(parts.engine),
            readiness.watch_processes({"envoy": lambda: proxy.pid, "registry": lambda: registry.process.pid}),
        ):
            in_background(stack, work)
        await ended.wait()
        readiness.end()
        self._say("stopping")

    async def _wire(
        self, edge: Edge, collect_garbage: Callable[[], Awaitable[int]], cut_pushes: Callable[[], Awaitable[None]]
    ) -> Parts:
        metrics = Metrics()
        return await wire(
            self._settings,
            metrics=metrics,
            database=Database(self._settings.database_url, took=metrics.took),
            edge=edge,
            user=_login(),
            server_key=folder.server_key(self._settings),
            collect_garbage=collect_garbage,
            cut_pushes=cut_pushes,
            base_images=self._base_images,
        )

    def _internal_app(self, parts: Parts, tokens: RegistryTokens, registry: LocalRegistry) -> Starlette:
        """Where Envoy asks; who came over loopback, as this machine's own engine does, buys tokens there too."""
        settings = self._settings
        asked = {AUTHORIZE_PATH: settings.api_url, AUTHORIZE_PUBLIC_PATH: settings.public_api_url}
        return Starlette(
            routes=[
                gateway_route(
                    tokens=tokens,
                    registry=parts.registry,
                    is_closed=parts.closed.is_closed,
                    read_only=lambda: registry.read_only,
                    challenge=Challenge(realm=f"{api_url}{TOKEN_PATH}", service=SERVICE),
                    path=path,
                    full=lambda: registry.full,
                )
                for path, api_url in asked.items()
            ]
        )

    def _certificate(self) -> Certificate | None:
        if self._settings.public is None:
            return None
        found = Certificate(self._settings, say=self._say)
        found.load()
        return found

    def _listen_tcp(self) -> socket.socket:
        settings = self._settings
        ports.ensure_free(settings.address, settings.ports.api, "--api-port")
        return socket.create_server((settings.address, settings.ports.api), backlog=512)

    def _listen_monitor(self) -> socket.socket | None:
        listen_at = self._settings.telemetry.listen
        if listen_at is None:
            return None
        try:
            return socket.create_server(listen_at, family=socket.AF_INET6 if ":" in listen_at[0] else socket.AF_INET)
        except OSError as e:
            where = f"port {listen_at[1]} of {listen_at[0]} cannot be listened on: {os.strerror(e.errno or 0)}"
            raise Conflict(where, hint="another address or port in LOCO_METRICS_LISTEN") from e

    async def _administrator(self, parts: Parts) -> None:
        """The first start makes the local administrator; the sign-in by file finds them."""
        user = await parts.people.signed_in("local", _login(), _login())
        log.debug("the local administrator is %s", user.login)

    async def _tell_ready(self, parts: Parts, readiness: Readiness) -> None:
        await parts.worker.settled.wait()
        readiness.started()
        self._say(f"ready: {self._settings.public_api_url} (what was live has been started)")

    async def _leave(self, process: Supervised) -> None:
        """What a public machine serves goes on without its server, which may only be started anew."""
        if self._settings.public is None or not (self._serving or process in self._adopted):
            await process.stop()

    async def _stop_apps(self, parts: Parts) -> None:
        if self._settings.public is not None:
            return
        try:
            await parts.engine.stop()
        except Exception as e:  # noqa: BLE001  the rest must be stopped all the same
            self._say(f"the apps could not be stopped: {e}")


def _login() -> str:
    """Name the user whom the kernel sees: variables such as LOGNAME are whatever started this process left there."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid-{os.geteuid()}"


async def _nothing_to_collect() -> int:
    return 0


async def _nothing_to_cut() -> None: ...
