"""A program that visits an app from elsewhere: `visitor.py load | websocket | websocket-over-http2 URL`.

`SSL_CERT_FILE` names whom it trusts. `load` goes on until SIGTERM, and ends with a report in JSON. The other two send
each line of stdin as a text, and print the app's answer.
"""

import asyncio
import http.client
import json
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

EACH = 2
"""So many ask over one connection each, and so many over a new one for each request."""
PAUSE = 0.01
"""Seconds before each asks again: the machine has other work."""
HEADERS, SETTINGS = 1, 4
"""Kinds of HTTP/2's frames (RFC 9113, 6); 0 is DATA."""
_EXTENDED_CONNECT = bytes((0, 8, 0, 0, 0, 1))
"""The setting by which a server takes WebSockets over HTTP/2 (RFC 8441, 3)."""
_STATUS_200 = 0x88
_TEXT = 0x81


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


class Load:
    """Requests, one upon another; each must be answered with 200."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._context = ssl.create_default_context()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._serials: list[int] = []
        self._answered = {"kept": 0, "fresh": 0}
        self._failed: list[str] = []

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stopping.set())
        threads = [threading.Thread(target=each) for each in [self._kept, self._fresh] * EACH]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(json.dumps({"answered": self._answered, "failed": self._failed, "serials": self._serials}))

    def _kept(self) -> None:
        connection = self._connect()
        connection.auto_open = 0  # it is not opened a second time unseen
        while not self._stopping.wait(PAUSE):
            self._ask(connection, "kept")

    def _fresh(self) -> None:
        while not self._stopping.wait(PAUSE):
            try:
                connection = self._connect()
            except OSError as error:
                self._failed.append(f"fresh: {error!r}")
                continue
            self._see(connection)
            self._ask(connection, "fresh")
            connection.close()

    def _connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=10)
        connection.connect()
        return connection

    def _ask(self, connection: http.client.HTTPSConnection, kind: str) -> None:
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._failed.append(f"{kind}: {error!r}")
            return
        if answer.status != 200:
            self._failed.append(f"{kind}: {answer.status}")
        with self._lock:
            self._answered[kind] += 1

    def _see(self, connection: http.client.HTTPSConnection) -> None:
        """Tell each serial once, when it is first shown."""
        assert isinstance(connection.sock, ssl.SSLSocket)
        shown = connection.sock.getpeercert()
        assert shown is not None
        serial = int(str(shown["serialNumber"]), 16)
        with self._lock:
            if serial not in self._serials:
                self._serials.append(serial)
                say(f"serial {serial}")


async def websocket(url: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(url, ssl=ssl.create_default_context()) as opened:
        while text := await asyncio.to_thread(sys.stdin.readline):
            await opened.send_str(text.strip())
            say(await opened.receive_str(timeout=10))
        await opened.close()
        say(f"closed {opened.close_code}")


class Http2:
    """So much of HTTP/2 as one stream needs."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2"])
        address = self._parts.hostname or "", self._parts.port or 443
        self._socket = context.wrap_socket(
            socket.create_connection(address, timeout=10), server_hostname=self._parts.hostname
        )
        self._read = self._socket.makefile("rb")

    def websocket(self) -> None:
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, b"", stream=0))
        frames = self._frames()
        kind, settings = next(frames)
        assert kind == SETTINGS
        pairs = [settings[at : at + 6] for at in range(0, len(settings), 6)]
        assert _EXTENDED_CONNECT in pairs, "the server takes no WebSocket over HTTP/2"
        asked = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "https",
            ":authority": self._parts.netloc,
            ":path": self._parts.path,
            "sec-websocket-version": "13",
        }
        self._socket.sendall(_frame(HEADERS, b"".join(_header(*each) for each in asked.items()), end=4))
        [status, *_] = next(payload for kind, payload in frames if kind == HEADERS)
        assert status == _STATUS_200, status
        for line in sys.stdin:
            text, mask = line.strip().encode(), b"loco"
            masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
            self._socket.sendall(_frame(0, bytes((_TEXT, 0x80 | len(text))) + mask + masked))
            found = b""
            while len(found) < len(text) + 2:
                found += next(payload for kind, payload in frames if kind == 0)
            assert found[:2] == bytes((_TEXT, len(text)))
            say(found[2:].decode())

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Give the kind and the content of each frame that comes."""
        while head := self._read.read(9):
            yield head[3], self._read.read(int.from_bytes(head[:3]))


def _frame(kind: int, content: bytes, *, stream: int = 1, end: int = 0) -> bytes:
    return len(content).to_bytes(3) + bytes((kind, end)) + stream.to_bytes(4) + content


def _header(name: str, value: str) -> bytes:
    """Literal, neither indexed nor compressed (RFC 7541, 6.2.2)."""
    return b"\0" + b"".join(bytes((len(text),)) + text.encode() for text in (name, value))


if __name__ == "__main__":
    what, where = sys.argv[1:]
    if what == "load":
        Load(where).run()
    elif what == "websocket":
        asyncio.run(websocket(where))
    else:
        Http2(where).websocket()
