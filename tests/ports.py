"""Ports of loopback for servers that a test starts. Nobody else gets one meanwhile: several test runs share a machine.

Asking the kernel for any port and closing it again would do so: it gives the same one to somebody else at once, for a
connection as well, before the server of the test has bound it.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_HELD: list[int] = []
"""Locks, until the process ends."""


def free_port() -> int:
    """Give one below those that the kernel gives out by itself, for as long as this process lives."""
    folder = Path(tempfile.gettempdir()) / "loco-test-ports"
    folder.mkdir(exist_ok=True)
    first_given_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, first_given_out)
        lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            os.close(lock)
            continue
        _HELD.append(lock)
        return port


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
