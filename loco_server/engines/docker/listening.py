"""Which ports a container listens on, read from the host: the kernel shows a process's own network in /proc."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from loco_server.engines.facts import Listener

_LISTEN = "0A"
# Docker's own name server, in every container of a user-made network.
_ENGINES_OWN = IPv4Address("127.0.0.11")


def parse(table: str) -> frozenset[Listener]:
    """Read /proc/net/tcp or tcp6: the sockets in LISTEN. Addresses are hex words in the machine's (little) order."""
    found = set()
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 4 or words[3] != _LISTEN:
            continue
        raw, _, port = words[1].partition(":")
        data = bytes.fromhex(raw)
        swapped = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
        address = IPv4Address(swapped) if len(swapped) == 4 else _plain(IPv6Address(swapped))
        if address != _ENGINES_OWN:
            found.add(Listener(address, int(port, 16)))
    return frozenset(found)


def of_process(pid: int, *, proc: Path = Path("/proc")) -> frozenset[Listener] | None:
    """What the network of a process listens on; None when that cannot be read here."""
    if pid <= 0:
        return None
    try:
        return frozenset().union(*(parse((proc / str(pid) / "net" / name).read_text()) for name in ("tcp", "tcp6")))
    except OSError:
        return None


def _plain(address: IPv6Address) -> IPv4Address | IPv6Address:
    return address.ipv4_mapped or address
