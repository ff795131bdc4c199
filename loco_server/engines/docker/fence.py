"""The fence around tenants: what a container on a `loco-…` bridge may open a connection to, and who to it.

Chains of loco's own, jumped to from INPUT and DOCKER-USER for packets that come in from `loco-+`, or go out to it:

    LOCO-INPUT     to the host itself: nothing but the host's resolver
    LOCO-FORWARD   through the host: the same bridge (Docker keeps bridges apart from one another) and public
                   addresses; nothing private, link-local, shared or multicast, except a private resolver
    LOCO-INWARD    through the host to a container: nothing from other machines and other bridges. What the host
                   itself sends, the edge's requests and the health checks, passes OUTPUT and is not concerned

The rules say the same for every installation on the machine, so that all of them share the chains. A hash of the rules
stands in a comment: one `iptables-save` tells whether all is in place.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from loco_server.engines.docker.names import BRIDGE_PREFIX

INPUT, FORWARD, INWARD = "LOCO-INPUT", "LOCO-FORWARD", "LOCO-INWARD"
INTERFACES = f"{BRIDGE_PREFIX}+"
JUMPS = (("INPUT", "-i", INPUT), ("DOCKER-USER", "-i", FORWARD), ("DOCKER-USER", "-o", INWARD))
JUMPS_V6 = (("INPUT", "-i", INPUT), ("FORWARD", "-i", FORWARD), ("FORWARD", "-o", INWARD))
"""From which chain, for packets in from or out to the bridges, to which chain."""
CLOSED = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""Private, shared (carriers and some clouds' metadata), loopback, link-local, benchmark, multicast, reserved."""

# dockerd asks these from inside the container's network. systemd-resolved keeps the real ones in the second.
RESOLVER_FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
_WAIT = ("-w", "10")


class FenceError(Exception):
    """The rules cannot be set; the message says why."""


def resolvers(texts: Sequence[str]) -> tuple[IPv4Address, ...]:
    """Give the IPv4 name servers of resolv.conf texts, loopback ones left out, in order."""
    seen: dict[IPv4Address, None] = {}
    for text in texts:
        for word in _NAMESERVER.findall(text):
            try:
                address = ip_address(word)
            except ValueError:
                continue
            if isinstance(address, IPv4Address) and not address.is_loopback:
                seen[address] = None
    return tuple(seen)


def rules(servers: Sequence[IPv4Address]) -> str:
    """Give the input of `iptables-restore --noflush`: the chains, whole; what they held before is replaced."""
    names = [f"-d {server}/32 -p {p} -m {p} --dport 53 -j RETURN" for server in servers for p in ("udp", "tcp")]
    answers = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
    refuse = ("-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT --reject-with icmp-port-unreachable")
    closed = [f"-d {network} {how}" for network in CLOSED for how in refuse]
    lines = [f"-A {INPUT} {rule}" for rule in (answers, *names, *refuse)]
    lines += [f"-A {FORWARD} {rule}" for rule in (answers, f"-o {INTERFACES} -j RETURN", *names, *closed)]
    lines += [f"-A {INWARD} {rule}" for rule in (answers, f"-i {INTERFACES} -j RETURN", *refuse)]
    mark = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    chains = (INPUT, FORWARD, INWARD)
    lines += [f'-A {chain} -m comment --comment "loco {mark}" -j RETURN' for chain in chains]
    return "\n".join(["*filter", *(f":{chain} - [0:0]" for chain in chains), *lines, "COMMIT", ""])


def jumps(saved: str) -> tuple[tuple[str, str, str], ...]:
    """Say which of `JUMPS` are missing in the output of `iptables-save -t filter`."""
    return tuple(
        (source, way, target)
        for source, way, target in JUMPS
        if f"-A {source} {way} {INTERFACES} -j {target}\n" not in saved
    )


def in_place(saved: str, wanted: str) -> bool:
    """Whether `iptables-save -t filter` shows exactly the wanted chains, and all jumps to them."""
    marks = re.findall(r'--comment "(loco [0-9a-f]+)"', wanted)
    whole = all(
        saved.count(f"\n-A {chain} ") == wanted.count(f"\n-A {chain} ")
        and re.search(rf'^-A {chain} .*--comment "{mark}"', saved, re.MULTILINE) is not None
        for chain, mark in zip((INPUT, FORWARD, INWARD), marks, strict=True)
    )
    return whole and not jumps(saved)


class Fence:
    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def ensure(self) -> None:
        """Set what is missing. A few milliseconds when all is in place.

        Raises:
            FenceError: the rules cannot be set.
        """
        async with self._one_at_a_time:
            texts = [file.read_text(errors="replace") for file in RESOLVER_FILES if file.is_file()]
            wanted = rules(resolvers(texts))
            saved = await _run("iptables-save", "-t", "filter")
            if not in_place(saved, wanted):
                if "-A FORWARD -j DOCKER-USER\n" not in saved:
                    raise FenceError(
                        "the engine does not keep its DOCKER-USER chain (is it started with iptables off?)"
                    )
                await _run("iptables-restore", *_WAIT, "--noflush", text=wanted)
                for source, way, target in jumps(saved):
                    await _run("iptables", *_WAIT, "-I", source, "1", way, INTERFACES, "-j", target)
            await _ensure_v6()

    async def remove(self) -> None:
        """Take the chains and the jumps away. Missing ones are no error."""
        async with self._one_at_a_time:
            for program, chains in (("iptables", JUMPS), ("ip6tables", JUMPS_V6)):
                for source, way, target in chains:
                    for arguments in (
                        ("-D", source, way, INTERFACES, "-j", target),
                        ("-F", target),
                        ("-X", target),
                    ):
                        try:
                            await _run(program, *_WAIT, *arguments)
                        except FenceError:
                            continue


async def _ensure_v6() -> None:
    """Containers get no IPv6 address; should one come by one, nothing is reachable by it either."""
    addresses = Path("/proc/net/if_inet6")
    if not addresses.is_file() or not addresses.read_text():
        return
    saved = await _run("ip6tables-save", "-t", "filter")
    for source, way, target in JUMPS_V6:
        jump = f"-A {source} {way} {INTERFACES} -j {target}\n"
        if f"\n-A {target} -j REJECT" not in saved:
            chain = f"*filter\n:{target} - [0:0]\n-A {target} -j REJECT\nCOMMIT\n"
            await _run("ip6tables-restore", *_WAIT, "--noflush", text=chain)
        if jump not in saved:
            await _run("ip6tables", *_WAIT, "-I", source, "1", way, INTERFACES, "-j", target)


async def _run(*argv: str, text: str = "") -> str:
    """Run one of the iptables programs; give its output.

    Raises:
        FenceError: not installed, not allowed, or refused.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise FenceError(f"{argv[0]} cannot be run ({error.strerror}): install the package iptables") from error
    output, errors = await process.communicate(text.encode())
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        raise FenceError(f"{argv[0]} said: {said[-1] if said else process.returncode}")
    return output.decode(errors="replace")
