"""The rules around tenants: whether they can be set, and are, where a team has a network. None is set here."""

import asyncio
import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from loco_server.check.finding import CannotLookError, Finding, missing, ok, warning
from loco_server.check.machine.place import Machine
from loco_server.engines.docker.fence import RESOLVER_FILES, in_place, resolvers, rules
from loco_server.engines.docker.names import BRIDGE_PREFIX

NAME = "fence"
_PROGRAMS = ("iptables", "iptables-save", "iptables-restore")
_PROGRAMS_V6 = ("ip6tables", "ip6tables-save", "ip6tables-restore")


@dataclass(frozen=True)
class Fence:
    lacking: tuple[str, ...] = ()
    """Programs that are not installed."""
    fault: str = ""
    """Why the rules cannot be read."""
    saved: str = ""
    """`iptables-save -t filter`."""
    wanted: str = ""
    """What the engine's fence would restore."""
    networks: int = 0
    """Teams' bridges on this machine."""


def judge(found: Fence, *, public: bool) -> Finding:
    def lacking(said: str, fix: str) -> Finding:
        """One team alone runs without; a machine that serves others is not to."""
        told = f"{said}: no second team is let in"
        return missing(NAME, told, fix) if public else warning(NAME, told, fix)

    if found.lacking:
        return lacking(f"{', '.join(found.lacking)} not there", "apt-get install iptables")
    if found.fault:
        return lacking(found.fault, "run the server, and this, as root (or with CAP_NET_ADMIN)")
    if "-A FORWARD -j DOCKER-USER\n" not in found.saved:
        return lacking(
            "the engine does not keep its DOCKER-USER chain", 'take "iptables": false out of /etc/docker/daemon.json'
        )
    if not found.networks:
        return ok(NAME, "iptables can be used; no team has a network yet")
    count = f"{found.networks} network{'s' if found.networks > 1 else ''} of teams"
    if not in_place(found.saved, found.wanted):
        return missing(NAME, f"{count}, and the rules are not in place", "start the server: it sets them again")
    return ok(NAME, f"in place around {count}")


async def look(machine: Machine) -> Finding:
    addresses = Path("/proc/net/if_inet6")
    six = addresses.is_file() and bool(addresses.read_text(encoding="ascii"))
    lacking = tuple(name for name in (*_PROGRAMS, *(_PROGRAMS_V6 if six else ())) if shutil.which(name) is None)
    public = machine.domain is not None
    if lacking:
        return judge(Fence(lacking=lacking), public=public)
    texts = [file.read_text(errors="replace") for file in RESOLVER_FILES if file.is_file()]
    networks = len(list(Path("/sys/class/net").glob(f"{BRIDGE_PREFIX}*")))
    try:
        saved = await _saved("iptables-save")
        if six:
            await _saved("ip6tables-save")
    except CannotLookError as e:
        return judge(Fence(fault=e.said), public=public)
    return judge(Fence(saved=saved, wanted=rules(resolvers(texts)), networks=networks), public=public)


async def _saved(program: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(program, "-t", "filter"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines()
        raise CannotLookError(f"{program} said: {said[0] if said else process.returncode}")
    return output.decode(errors="replace")
