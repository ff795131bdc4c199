"""All checks of one machine, in the order in which an operator puts things right."""

from collections.abc import Awaitable, Callable

from loco_server.check.finding import Finding
from loco_server.check.machine import certificate, engine, fence, folder, hosts, place, ports, processes, records
from loco_server.check.machine.place import Machine
from loco_server.check.running import Check, found


async def look(machine: Machine) -> tuple[Finding, ...]:
    """Look at the machine. Raises nothing."""
    looks: dict[str, Callable[[Machine], Awaitable[Finding]]] = {
        place.NAME: place.look,
        engine.NAME: engine.look,
        fence.NAME: fence.look,
        folder.NAME: folder.look,
        folder.SPACE: folder.look_at_space,
        records.NAME: records.look,
        ports.NAME: ports.look,
        processes.SERVER: processes.look_at_server,
        processes.EDGE: processes.look_at_edge,
        processes.REGISTRY: processes.look_at_registry,
    }
    if machine.domain is not None:
        looks |= {certificate.NAME: certificate.look, hosts.NAME: hosts.look}

    def check(name: str, look: Callable[[Machine], Awaitable[Finding]]) -> Check:
        return Check(name, lambda: look(machine))

    return await found([check(name, look) for name, look in looks.items()])
