"""A slow way to a port of this machine: a TCP proxy that lets so many bytes a second through, on all connections."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_PIECE = 16_384


@dataclass(frozen=True)
class Throttle:
    port: int


class _Pace:
    """Shared by all connections: gives each its turn."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, count: int) -> None:
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + count / self._rate
        time.sleep(max(0.0, turn - time.monotonic()))


@contextmanager
def throttle(port: int, bytes_per_second: float) -> Iterator[Throttle]:
    """Forward to the port; what goes towards it is slowed, what comes back is not."""
    pace = _Pace(bytes_per_second)
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def carry(source: socket.socket, target: socket.socket, slow: bool) -> None:
        with suppress(OSError):
            while (piece := source.recv(_PIECE)) and not stopping.is_set():
                if slow:
                    pace.wait(len(piece))
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=carry, args=(server, client, False), daemon=True)
            back.start()
            carry(client, server, True)
            back.join()

    def accept(listener: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(listener, selectors.EVENT_READ)
            while not stopping.is_set():
                if ready.select(0.1):
                    threads.append(threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * _PIECE)  # megabytes on the way are not held up
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield Throttle(listener.getsockname()[1])
        finally:
            stopping.set()
            thread.join()
