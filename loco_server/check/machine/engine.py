"""The container engine: there, rootful, and able to keep apps to their limits."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from loco_server.check.finding import Finding, missing, ok, warning
from loco_server.check.machine.place import Machine

NAME = "engine"
_OLDEST = (20, 10)
_LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "processor time", "PidsLimit": "processes"}
_DOCKER = "install a rootful Docker engine: apt-get install docker.io"


@dataclass(frozen=True)
class Engine:
    url: str
    fault: str = ""
    """Why it does not answer."""
    info: Mapping[str, Any] | None = None
    """`GET /info`."""
    version: Mapping[str, Any] | None = None
    """`GET /version`."""


def judge(found: Engine) -> Finding:
    if found.info is None or found.version is None:
        return missing(NAME, f"{found.url} does not answer: {found.fault}", f"start it, or {_DOCKER}; DOCKER_HOST")
    info = found.info
    podman = any("Podman" in str(each.get("Name")) for each in found.version.get("Components") or [])
    number = str(info.get("ServerVersion") or found.version.get("Version") or "?")
    name = f"{'Podman' if podman else 'Docker'} {number}"
    system = str(info.get("OperatingSystem", ""))
    if info.get("OSType") != "linux" or "Docker Desktop" in system:
        return missing(NAME, f"{name} on {system}: its containers cannot be dialled from this machine", _DOCKER)
    if "rootless" in " ".join(info.get("SecurityOptions") or ()):
        return missing(NAME, f"{name} is rootless: its containers cannot be dialled from this machine", _DOCKER)
    unlimited = [what for field, what in _LIMITS.items() if info.get(field) is False]
    if unlimited:
        return missing(
            NAME,
            f"{name} cannot limit {', '.join(unlimited)}: one app could take all of it",
            "turn these cgroup controllers on: cgroup_enable=memory on the kernel's command line, for example",
        )
    driver = str(info.get("Driver", "?"))
    if driver == "vfs":
        return warning(NAME, f"{name}, storage driver vfs: every layer is copied whole", "use overlay2")
    old = re.match(r"(\d+)\.(\d+)", number)
    if not podman and old and (int(old[1]), int(old[2])) < _OLDEST:
        return warning(NAME, f"{name}; loco was tried with 20.10 and later", "upgrade it")
    return ok(NAME, f"{name}, rootful, cgroup v{info.get('CgroupVersion', '?')}, {driver}")


async def look(machine: Machine) -> Finding:
    url = machine.settings.engine_url
    # By hand, not by the SDK: its threads would be waited for, and an engine that hangs is one thing to find.
    transport = httpx.AsyncHTTPTransport(uds=url.removeprefix("unix://"))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=4) as client:
        try:
            info, version = await asyncio.gather(client.get("/info"), client.get("/version"))
            return judge(Engine(url, info=info.raise_for_status().json(), version=version.raise_for_status().json()))
        except (httpx.HTTPError, ValueError) as e:
            return judge(Engine(url, fault=str(e) or type(e).__name__))
