"""The ports: the server's own already, or free."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loco_server.check.finding import Finding, missing, ok, unknown
from loco_server.check.machine.place import Machine
from loco_server.local import envoy
from loco_server.local.ports import ensure_free, listener
from loco_server.settings import Ports, Public
from loco_spec.errors import Conflict

NAME = "ports"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    address: str
    port: int
    flag: str
    """The option that chooses another."""
    listener: str | None = None
    """`nginx (pid 7)`: who has it, where that is to be seen."""
    fault: str = ""
    """Why it cannot be listened on; empty: it can."""


def judge(ports: Sequence[Port], ours: frozenset[int]) -> Finding:
    """`ours`: the pids of the server and its Envoy."""
    foreign = [each for each in ports if each.listener is not None and _pid(each.listener) not in ours]
    if foreign:
        told = ", ".join(f"{each.port} is taken by {each.listener}" for each in foreign)
        return missing(NAME, told, f"stop what listens there, or choose another port with {foreign[0].flag}")
    closed = [each for each in ports if each.listener is None and each.fault]
    if closed and ours:
        told = ", ".join(each.fault for each in closed)
        return unknown(NAME, f"{told}; by whom this user cannot see", "run it as the server's user, or as root")
    if closed:
        fix = f"stop what listens there, or choose another port with {closed[0].flag}; below 1024 it takes root"
        return missing(NAME, ", ".join(each.fault for each in closed), fix)
    own = [str(each.port) for each in ports if each.listener is not None]
    free = [str(each.port) for each in ports if each.listener is None]
    words = [f"{', '.join(own)}: ours" if own else "", f"{', '.join(free)}: free" if free else ""]
    return ok(NAME, "; ".join(filter(None, words)))


def wanted(bootstrap: dict[str, Any] | None, *, api: int, public: bool) -> tuple[Port, ...]:
    """Give the ports as Envoy was last told to listen (its bootstrap), else the default ones."""
    if bootstrap is None:
        found = {"registry": (_LOOPBACK, Ports.registry)}
        if public:
            found |= {"https": (Public.address, Public.https_port), "http": (Public.address, Public.http_port)}
        else:
            found |= {"edge": (_LOOPBACK, Ports.edge)}
    else:
        sockets = {
            each["name"]: each["address"]["socket_address"] for each in bootstrap["static_resources"]["listeners"]
        }
        found = {name: (each["address"], each["port_value"]) for name, each in sockets.items()}
    edge = (Port(address, port, f"--{name}-port") for name, (address, port) in found.items())
    return (Port(_LOOPBACK, api, "--api-port"), *edge)


async def look(machine: Machine) -> Finding:
    server, proxy = machine.server, machine.child(envoy.NAME)
    ours = frozenset(each.pid for each in (server, proxy) if each is not None)
    api = machine.settings.ports.api if server is None else int(server.api_url.rpartition(":")[2])
    asked = wanted(_bootstrap(machine), api=api, public=machine.domain is not None)
    return judge([_seen(each) for each in asked], ours)


def _seen(port: Port) -> Port:
    who = listener(port.port)
    if who is not None:
        return Port(port.address, port.port, port.flag, listener=who)
    try:
        ensure_free(port.address, port.port, port.flag)
    except Conflict as e:
        return Port(port.address, port.port, port.flag, fault=e.message)
    return port


def _bootstrap(machine: Machine) -> dict[str, Any] | None:
    path = machine.settings.data_dir / "edge" / "bootstrap.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def _pid(who: str) -> int:
    return int(who.rpartition("(pid ")[2].rstrip(")"))
