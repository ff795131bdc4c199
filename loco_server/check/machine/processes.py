"""The server, the edge and the registry: whether they run, and could."""

from dataclasses import dataclass

from loco_server.check.finding import Finding, missing, ok, warning
from loco_server.check.machine.place import Machine
from loco_server.local import envoy, registry
from loco_spec.errors import UsageError

SERVER, EDGE, REGISTRY = "server", "edge", "registry"


@dataclass(frozen=True)
class Child:
    name: str
    pid: int | None
    """None: it does not run."""
    program: str
    """What would be run."""
    fault: str = ""
    """Why nothing can be."""
    fix: str = ""


def server(pid: int | None, url: str, again: str) -> Finding:
    if pid is None:
        return missing(SERVER, "it does not run", again)
    return ok(SERVER, f"runs (pid {pid}), {url}")


def child(found: Child, *, server: bool) -> Finding:
    """`server`: whether the server runs, which starts it."""
    if found.fault:
        return missing(found.name, found.fault, found.fix)
    if found.pid is not None:
        return ok(found.name, f"runs (pid {found.pid})")
    if server:
        return missing(
            found.name, "it does not run, and the server does", f"look at log/{_LOGS[found.name]} in the data folder"
        )
    return warning(found.name, f"it does not run; it is there: {found.program}", "the server starts it")


_LOGS = {EDGE: "envoy.log", REGISTRY: "registry.log"}


async def look_at_server(machine: Machine) -> Finding:
    found = machine.server
    return server(None if found is None else found.pid, "" if found is None else found.api_url, machine.again)


async def look_at_edge(machine: Machine) -> Finding:
    running = machine.child(envoy.NAME)
    pid = None if running is None else running.pid
    try:
        found = Child(EDGE, pid, str(envoy.binary()))
    except UsageError as e:
        found = Child(EDGE, pid, "", e.message, e.hint or "")
    return child(found, server=machine.server is not None)


async def look_at_registry(machine: Machine) -> Finding:
    running = machine.child(registry.NAME)
    pid = None if running is None else running.pid
    try:
        found = Child(REGISTRY, pid, registry.program(machine.settings))
    except UsageError as e:
        found = Child(REGISTRY, pid, "", e.message, e.hint or "")
    return child(found, server=machine.server is not None)
