"""The WebSocket of `exec`, `run` and `forward`. Imported by those commands alone: it brings asyncio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from loco_cli.client.http import Http
from loco_cli.config import is_loopback
from loco_spec import paths
from loco_spec.attaching import PIECE_BYTES, SILENCE_SECONDS, Channel, End, Entrance, packed, unpacked
from loco_spec.errors import ServerUnreachable, from_problem

OPEN_SECONDS = 20.0
CLOSE_SECONDS = 1.0
MESSAGES = 8
"""That many have come before they are read, and the connection is held up."""


def entrance(http: Http, team: str, app: str, instance: str | None) -> Entrance:
    query = {} if instance is None else {"instance": instance}
    return http.get(paths.fill(paths.ENTRANCE, team=team, app=app), Entrance, **query)


class Wire:
    def __init__(self, socket: ClientConnection, http: Http) -> None:
        self._socket = socket
        self._http = http

    async def send(self, channel: Channel, data: bytes = b"") -> None:
        """Return when it is on its way. Where there is no connection any more, `receive` tells of it."""
        try:
            await self._socket.send(packed(channel, data))
        except ConnectionClosed:
            return

    async def receive(self) -> tuple[int, bytes]:
        """Give the next message: its channel and what was sent on it.

        Raises:
            ServerUnreachable: the connection is no more.
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await self._socket.recv(decode=False)
        except TimeoutError as e:
            raise self._cut(f"nothing came from {self._http.server} for {SILENCE_SECONDS:.0f} s") from e
        except ConnectionClosed as e:
            raise self._cut(f"the connection to {self._http.server} was cut") from e
        return unpacked(message)

    @staticmethod
    def _cut(message: str) -> ServerUnreachable:
        return ServerUnreachable(f"{message}; the server ends what ran for it", hint="run the command again")


@asynccontextmanager
async def opened(http: Http, path: str, start: BaseModel) -> AsyncIterator[Wire]:
    """Open one, and say what is wanted.

    Raises:
        LocoError: what the server refused it with.
        ServerUnreachable: there is no connection.
    """
    url, headers, trusted = http.opening(path)
    try:
        socket = await _Connect(
            url,
            additional_headers=headers,
            user_agent_header=None,
            compression=None,
            ssl=trusted,
            proxy=None if is_loopback(http.server) else True,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,  # signs of life are messages: pings wait behind what nobody reads
            max_size=2 * PIECE_BYTES,
            max_queue=MESSAGES,
        )
    except InvalidStatus as e:
        raise http.refusal(e.response.status_code, bytes(e.response.body or b""), path) from e
    except (OSError, TimeoutError, WebSocketException) as e:
        raise http.unreachable(e) from e
    async with socket:
        with suppress(ConnectionClosed):  # `receive` tells of it
            await socket.send(start.model_dump_json())
        yield Wire(socket, http)


def ended(data: bytes) -> int | None:
    """Give the exit code that the last message tells of; None: a connection has ended, as connections do.

    Raises:
        LocoError: it ended for another reason.
    """
    end = End.model_validate_json(data)
    if end.problem is not None:
        raise from_problem(end.problem, status=500)
    return end.exit_code


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc  # the token is for the server that was named
