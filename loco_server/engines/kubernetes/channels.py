"""Streams into a pod: the subresources exec, attach and portforward over WebSocket, by the channels of Kubernetes."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from loco_server.engines.attached import READ_BYTES, Piece
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import kinds
from loco_server.engines.kubernetes.api import KubernetesApi
from loco_server.engines.kubernetes.refusals import RefusedError

PROCESS = "v5.channel.k8s.io"
"""The first that can close stdin."""
PORT = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
MESSAGE_BYTES = 4 << 20
OPEN_SECONDS = 30.0

Query = Iterable[tuple[str, str]]


async def opened(api: KubernetesApi, namespace: str, pod: str, sub: str, query: Query, protocol: str) -> "Channels":
    """Open a stream into a pod.

    Raises:
        RefusedError: the API, or the node, said no.
        EngineDownError: it did not answer.
    """
    client, headers = await api.client(), dict[str, str]()
    await client.update_params_for_auth(headers, [], ["BearerToken"])
    url = f"{client.configuration.host}{kinds.POD.path(namespace, pod)}/{sub}?{urlencode(list(query))}"
    session: aiohttp.ClientSession = client.rest_client.pool_manager
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            socket = await session.ws_connect(
                URL(url, encoded=True), protocols=(protocol,), headers=headers, max_msg_size=MESSAGE_BYTES
            )
    except aiohttp.WSServerHandshakeError as error:
        raise RefusedError(error.status, {"message": f"{sub} into {pod}: {error.message}"}) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EngineDownError(f"the Kubernetes API does not answer: {str(error) or type(error).__name__}") from error
    return Channels(socket, skipped=2 if sub == "portforward" else 0)


class Channels:
    """`skipped`: so many bytes at the beginning of each channel name the port, and are not the stream's."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, skipped: int = 0) -> None:
        self._socket = socket
        self._port = skipped > 0
        self._skip = {0: skipped, 1: skipped}
        self._of: Literal["stdout", "stderr"] = "stdout"
        self._rest = b""
        self.status: dict[str, Any] | None = None
        """How the process ended, once it did."""
        self.fault = ""
        """What the node says of a port."""

    async def read(self) -> Piece | None:
        while not self._rest:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return None
            channel, data = message.data[0], message.data[1:]
            if self._port:
                skip = self._skip.get(channel, 0)
                self._skip[channel] = max(0, skip - len(data))
                data = data[skip:]
                if channel == 1 and data:
                    self.fault += data.decode(errors="replace")
                    return None
                self._rest = data if channel == 0 else b""
            elif channel in {STDOUT, STDERR}:
                self._of, self._rest = ("stdout" if channel == STDOUT else "stderr"), data
            elif channel == STATUS:
                self.status = json.loads(data)
        piece, self._rest = self._rest[:READ_BYTES], self._rest[READ_BYTES:]
        return self._of, piece

    async def write(self, data: bytes) -> None:
        await self._send(STDIN, data)

    async def end_input(self) -> None:
        """Half-closing a port is not in Kubernetes' protocol."""
        if not self._port:
            await self._send(CLOSE, bytes((STDIN,)))

    async def resize(self, columns: int, rows: int) -> None:
        await self._send(RESIZE, json.dumps({"Width": columns, "Height": rows}).encode())

    async def close(self) -> None:
        await self._socket.close()

    async def _send(self, channel: int, data: bytes) -> None:
        try:
            await self._socket.send_bytes(bytes((channel,)) + data)
        except (OSError, aiohttp.ClientError):  # nobody reads it any more
            return

    def exit_code(self) -> int | None:
        """None: the process did not end, or was not started."""
        status = self.status or {}
        if status.get("status") == "Success":
            return 0
        causes = (status.get("details") or {}).get("causes") or []
        return next((int(each["message"]) for each in causes if each.get("reason") == "ExitCode"), None)
