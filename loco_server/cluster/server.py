"""The server process of `loco-server serve`: one pod of several, before it the cluster's Gateway, behind it PostgreSQL.

It answers from its first moment on whether it lives and whether it is ready, and becomes ready by itself when the
database has this version's schema. It ends within `END_SECONDS` of a SIGTERM; what it was rolling out is another one's.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from loco_server import keys
from loco_server.admin.app import admin_app
from loco_server.cluster.closing import ClosedElsewhere
from loco_server.cluster.followers import Followers
from loco_server.cluster.later import Later
from loco_server.edge.config import AUTHORIZE_PATH
from loco_server.edge.stopped import StoppedEdge
from loco_server.gateway.decision import Challenge
from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.forwarded import behind_proxies
from loco_server.http.gateway import BUSY_UNCONFIGURED, gateway_route
from loco_server.http.registry_token import SERVICE, TOKEN_PATH
from loco_server.local import base_images, ports
from loco_server.policy.base_images import BaseImage
from loco_server.records.database import Database
from loco_server.records.openings import Openings
from loco_server.serving.monitor import Monitor
from loco_server.serving.process import application, in_background, listen, listen_unix, signalled
from loco_server.serving.readiness import Readiness
from loco_server.settings import Settings
from loco_server.telemetry import logs, spans
from loco_server.telemetry.metrics import Metrics
from loco_server.telemetry.requests import Decisions
from loco_server.wiring import Parts, wire
from loco_spec.errors import UsageError

log = logging.getLogger("loco.cluster")
T = TypeVar("T")

AGAIN = 1.0
"""Seconds until a database that did not answer is asked again."""
DRAIN_SECONDS = 3.0
"""After SIGTERM, while proxies may still send requests here: they are answered as ever."""
GRACEFUL_SECONDS = 8
"""Then, for the requests that are being answered."""
END_SECONDS = 18.0


@dataclass(frozen=True)
class Listens:
    """Where. NetworkPolicies let nobody in there but the Gateway's proxies, and monitoring to the metrics."""

    address: str = "0.0.0.0"  # noqa: S104  all of the pod's own
    api: int = 7070
    authorization: int = 7071
    metrics: int = 9464


class ClusterServer:
    """`say` tells the operator in one line what happened."""

    def __init__(self, settings: Settings, listens: Listens, *, say: Callable[[str], None]) -> None:
        assert settings.cluster is not None  # noqa: S101  `cluster_settings` gives one
        self._settings = settings
        self._proxies = settings.cluster.proxies
        self._listens = listens
        self._say = say
        self._metrics = Metrics()
        self._readiness = Readiness("the Kubernetes API")
        self._monitor = Monitor(self._metrics, self._readiness)
        self._api = Later(self._readiness.routes())
        self._authorization = Later()
        self._followers = Followers(self._api)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. The apps go on.

        Raises:
            LocoError: it cannot be started: ports, or keys that are not those of the records.
        """
        logs.configure(self._settings.telemetry.log_format, self._settings.telemetry.log_level)
        spans.begin()
        listens = self._listens
        bases = base_images.load(self._settings.base_images)
        ended = signalled()
        api = _bound(listens.address, listens.api, "--api-port")
        authorization = _bound(listens.address, listens.authorization, "--authorization-port")
        metrics = _bound(listens.address, listens.metrics, "--metrics-port")
        async with AsyncExitStack() as closing, AsyncExitStack() as listening:
            closing.push_async_callback(spans.end)
            await listen(closing, Starlette(routes=self._monitor.routes()), metrics)
            await listen(listening, self._followers, api, graceful_seconds=GRACEFUL_SECONDS)
            decides = Decisions(self._authorization, self._metrics)
            await listen(listening, decides, authorization, graceful_seconds=GRACEFUL_SECONDS)
            async with AsyncExitStack() as working:
                starting = asyncio.create_task(self._start(closing, working, bases))
                working.push_async_callback(_cancelled, starting)
                ending = asyncio.create_task(ended.wait())
                working.push_async_callback(_cancelled, ending)
                await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    await ending
                self._readiness.end()
                self._say("ending")
                _at_the_latest(END_SECONDS)
            # What was being rolled out has been let go, and another server may take it over.
            await asyncio.sleep(DRAIN_SECONDS)
            self._followers.end()
        self._say("ended")

    async def _start(self, closing: AsyncExitStack, working: AsyncExitStack, bases: Sequence[BaseImage]) -> None:
        """Start what there is to start, as soon as the records are there."""
        settings = self._settings
        database = Database(settings.database_url, took=self._metrics.took)
        closing.push_async_callback(database.close)
        watched = Database(settings.database_url)  # a connection that no requests compete for
        closing.push_async_callback(watched.close)
        in_background(working, self._readiness.watch_records(watched))
        parts = await self._answered(lambda: self._wire(database, bases))
        closing.push_async_callback(parts.engine.close)
        self._monitor.begin(parts)
        closing.push_async_callback(self._monitor.close)
        in_background(working, self._readiness.watch_engine(parts.engine))
        closed = ClosedElsewhere(Openings(database), parts.closed)
        await self._answered(closed.look)
        await self._answered(parts.rotation.unlock)
        working.push_async_callback(parts.worker.close)
        working.push_async_callback(parts.suspend.close)
        tokens = RegistryTokens(keys.signing_key(settings.keys_dir / keys.GATEWAY_KEY), settings.tokens)
        self._authorization.begin(self._authorizes(parts, tokens, closed))
        self._api.begin(behind_proxies(application(settings, parts, tokens), self._proxies))
        await listen(working, admin_app(parts), self._admin_socket())
        for work in (
            closed.run(),
            parts.worker.run(),
            parts.housekeeping.run(),
            parts.deploy.resume(),
            parts.destroy.resume(),
            self._metrics.watch_loop(),
        ):
            in_background(working, work)
        self._readiness.started()
        self._say(f"serving: {settings.public_api_url} (apps: {settings.apps_url})")

    async def _wire(self, database: Database, bases: Sequence[BaseImage]) -> Parts:
        return await wire(
            self._settings,
            database=database,
            edge=StoppedEdge(),  # the cluster's Gateway is the edge, and routes are the engine's to apply
            user=None,
            server_key=keys.server_key(self._settings.keys_dir / keys.SERVER_KEY),
            collect_garbage=None,
            cut_pushes=_nothing_to_cut,
            base_images=bases,
            metrics=self._metrics,
        )

    async def _answered(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what asks the records: when they are there in this version's schema, and again until they answer."""
        while True:
            await self._readiness.records_are_there()
            try:
                return await work()
            except (SQLAlchemyError, OSError, TimeoutError) as e:
                log.warning("starting waits for the database: %s", type(e).__name__)
                await asyncio.sleep(AGAIN)

    def _authorizes(self, parts: Parts, tokens: RegistryTokens, closed: ClosedElsewhere) -> Starlette:
        """Where the Gateway's proxies ask before each request to the registry."""
        realm = f"https://{self._settings.push_host}{TOKEN_PATH}"
        route = gateway_route(
            tokens=tokens,
            registry=parts.registry,
            is_closed=parts.closed.is_closed,
            read_only=lambda: False,
            challenge=Challenge(realm=realm, service=SERVICE),
            path=AUTHORIZE_PATH,
            see=closed.see,
            busy=BUSY_UNCONFIGURED,
        )
        return Starlette(routes=[route])

    def _admin_socket(self) -> socket.socket:
        path = self._settings.admin_socket
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            return listen_unix(path)
        except OSError as e:
            raise UsageError(f"the socket {path} cannot be made: {e.strerror or e}", hint="LOCO_DATA_DIR") from e


def _bound(address: str, port: int, flag: str) -> socket.socket:
    ports.ensure_free(address, port, flag)
    return socket.create_server((address, port), backlog=512)


def _at_the_latest(seconds: float) -> None:
    """End the process then, however much is still being answered: whoever is sent SIGKILL loses more."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _nothing_to_cut() -> None:
    """Nobody here can reach into the registry: what is being sent of a layer arrives, and is refused at its end."""
