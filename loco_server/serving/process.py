"""The parts of a serving process: its API, its sockets, what runs beside, and what ends it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from loco_server.gateway.tokens import RegistryTokens
from loco_server.http.app import api_app
from loco_server.http.call import Services
from loco_server.http.rates import Rates
from loco_server.http.registry_token import token_route
from loco_server.serving.listener import Listener
from loco_server.settings import Settings
from loco_server.telemetry.requests import Requests
from loco_server.wiring import Parts

log = logging.getLogger("loco.serving")


def application(settings: Settings, parts: Parts, tokens: RegistryTokens) -> ASGIApp:
    """Give the API, with the endpoint where registry clients buy their tokens."""
    services = Services(
        settings=settings,
        login=parts.login,
        people=parts.people,
        apps=parts.apps,
        deploy=parts.deploy,
        plans=parts.plans,
        rollback=parts.rollback,
        scaling=parts.scaling,
        destroy=parts.destroy,
        status=parts.status,
        build_logs=parts.build_logs,
        logs=parts.logs,
        attach=parts.attach,
        variables=parts.variables,
        engine=parts.engine,
        trust=parts.trust,
        teams=parts.teams,
        tokens=parts.tokens,
        account=parts.account,
        audit=parts.audit,
        uses=parts.uses,
        rates=Rates(settings.limits),
    )
    api = api_app(services, [token_route(tokens=tokens, book=parts.tickets, rates=services.rates)])
    templates = {each.endpoint: each.path for each in api.routes if isinstance(each, Route | WebSocketRoute)}
    return Requests(api, templates, parts.metrics)


async def listen(stack: AsyncExitStack, app: ASGIApp, bound: socket.socket, *, graceful_seconds: int = 1) -> None:
    """Serve on a bound socket until the stack ends."""
    listener = Listener(app, bound, graceful_seconds=graceful_seconds)
    await listener.start()
    stack.push_async_callback(listener.stop)


def listen_unix(path: Path) -> socket.socket:
    """Bind one of the server's own sockets, 0600; a dead server's is in the way and goes."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    finally:
        os.umask(before)
    bound.listen(512)
    return bound


def in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run until the stack ends. What ends by a fault before says so in the log."""
    task = asyncio.create_task(work)
    task.add_done_callback(_told)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task

    stack.push_async_callback(end)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("%s has ended, and should not have", task.get_coro(), exc_info=fault)


def signalled() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        ended.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    return ended
