"""A way to a port of this machine that breaks off: a seeded part of all connections is cut, after so many bytes."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cutting:
    def __init__(self, port: int, *, seed: int, part: float) -> None:
        self._target = port
        self._choice = random.Random(seed)  # noqa: S311  which connections are cut is no secret
        self._part = part
        self._next: list[bool] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.cuts = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            # Of what comes back some bytes arrive or none; of what is sent all has left: the server has heard.
            left = self._choice.choice((0, 1, 40, 300, 2000)) if self._cuts() else None
            self.cuts += left is not None
            threading.Thread(target=self._serve, args=(client, left), daemon=True).start()

    def _cuts(self) -> bool:
        """So many of each ten, in any order: a few connections alone might all be spared, else."""
        if not self._next:
            some = round(10 * self._part)
            self._next = [True] * some + [False] * (10 - some)
            self._choice.shuffle(self._next)
        return self._next.pop()

    def _serve(self, client: socket.socket, left: int | None) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=_carry, args=(client, server, None), daemon=True).start()
            _carry(server, client, left)


def _carry(source: socket.socket, target: socket.socket, left: int | None) -> None:
    with suppress(OSError):
        while piece := source.recv(16_384):
            if left is not None and len(piece) > left:
                target.sendall(piece[:left])
                break
            left = None if left is None else left - len(piece)
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(port: int, *, seed: int, part: float = 0.3) -> Iterator[Cutting]:
    found = Cutting(port, seed=seed, part=part)
    try:
        yield found
    finally:
        found.close()
