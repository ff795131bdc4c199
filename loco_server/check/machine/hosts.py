"""Whether the names of a public machine lead to it."""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from loco_server.check.finding import Finding, ok, warning
from loco_server.check.machine.place import Machine

NAME = "names"
_LOCAL_HEX = "/proc/net/if_inet6"
_ROUTES = "/proc/net/fib_trie"


def judge(resolved: Mapping[str, tuple[str, ...]], own: frozenset[str], domain: str) -> Finding:
    """`resolved`: each name → the addresses that it leads to; `own`: this machine's."""
    fix = f"an A record (and AAAA, where there is IPv6) for *.{domain} with this machine's public address"
    lost = [name for name, addresses in resolved.items() if not addresses]
    if lost:
        return warning(NAME, f"not found in the DNS: {', '.join(lost)}", fix)
    away = {name: addresses for name, addresses in resolved.items() if not own.intersection(addresses)}
    if away:
        told = ", ".join(f"{name} leads to {', '.join(addresses)}" for name, addresses in away.items())
        return warning(
            NAME, f"{told}, no address of this machine's", f"right only where that is passed on to here; else {fix}"
        )
    return ok(NAME, f"{', '.join(resolved)} lead here")


async def look(machine: Machine) -> Finding:
    domain = machine.domain
    assert domain is not None  # noqa: S101  on loopback there is nothing to look at
    names = (f"api.{domain}", f"registry.{domain}", f"check-{secrets.token_hex(4)}.{domain}")
    found = await asyncio.gather(*map(_resolved, names))
    return judge(dict(zip(names, found, strict=True)), own_addresses(), domain)


async def _resolved(name: str) -> tuple[str, ...]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


def own_addresses() -> frozenset[str]:
    """Give this machine's addresses, as the kernel lists them."""
    found = set()
    with suppress(OSError):
        found |= local(Path(_ROUTES).read_text(encoding="ascii"))
    with suppress(OSError):
        for line in Path(_LOCAL_HEX).read_text(encoding="ascii").splitlines():
            found.add(str(ip_address(bytes.fromhex(line.split()[0]))))
    return frozenset(found)


def local(trie: str) -> set[str]:
    """Read the addresses that are `host LOCAL` out of fib_trie: each stands on the line before."""
    found, before = set(), ""
    for line in trie.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            before = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.add(before)
    return found
