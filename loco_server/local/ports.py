"""Is a port free, and who has it if not: asked before something is started that would only die of it."""

import socket
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from loco_spec.errors import Conflict, UsageError


def ensure_ours(address: str) -> None:
    """See that something can be listened to at the address at all.

    Raises:
        UsageError: it is none of this machine's.
    """
    try:
        with socket.socket() as probe:
            probe.bind((str(IPv4Address(address)), 0))
    except (ValueError, OSError) as e:
        raise UsageError(
            f'"{address[:80]}" is no IPv4 address of this machine', hint="--address 0.0.0.0 is all of them"
        ) from e


def ensure_free(address: str, port: int, flag: str) -> None:
    """See that the port can be listened on.

    Raises:
        Conflict: it cannot; names the port, the listener where it can be seen, and the flag to choose another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as e:
            who = listener(port)
            by = f" by {who}" if who else ""
            raise Conflict(
                f"port {port} of {address} is taken{by}" if who or e.errno == 98 else f"port {port}: {e.strerror}",
                hint=f"stop what listens there, or choose another port with {flag}",
            ) from e


def listener(port: int) -> str | None:
    """Give `name (pid 123)` of who listens on the TCP port; None when nobody, or nobody we may look at, does."""
    inodes = set(_listening_inodes(port))
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in wanted:
                        return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _listening_inodes(port: int) -> list[str]:
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.append(fields[9])
    return found
