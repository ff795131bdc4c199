"""From what only a cluster tells to what both engines explain. Pure."""

import re

from loco_server.engines import explaining
from loco_server.engines.base import Rollout
from loco_server.engines.explaining.made import made
from loco_server.engines.facts import BadStatus, ForeignRedirect, NotHttp, Outcome, Unreachable
from loco_server.units import Unit
from loco_spec.errors import Diagnosis

_TLS = re.compile(r"HTTP response.*\\x15\\x03|HTTP request (?:was sent )?to (?:an )?HTTPS", re.IGNORECASE)
"""A TLS alert where an answer was expected."""


def outcome(unit: Unit, said: str) -> Outcome | None:
    """Read the kubelet's last event of the probe."""
    port, path = unit.probe.port, unit.probe.path or "/"
    if _TLS.search(said):
        return NotHttp(port, said, tls=True)
    if match := re.search(r"statuscode: (\d+)", said):
        return BadStatus(path, int(match[1]), body=None)
    if match := re.search(r"redirect.*?(https?://\S+)", said):
        return ForeignRedirect(path, None, match[1])
    if "malformed HTTP" in said:
        return NotHttp(port, said)
    if "connection refused" in said:
        return Unreachable(port, "connection refused")
    if "Timeout" in said or "deadline exceeded" in said or "timeout" in said:
        reason = f"no answer to GET {path} within {unit.probe.timeout:g} s"
        return Unreachable(port, reason, answered=True)
    return Unreachable(port, said[:300], answered=True) if said else None


def refused(version: str, said: str, phase: str = "starting") -> Diagnosis:
    """Explain a no of the API; where it has no words of its own here, the operator compares."""
    found = explaining.refused(version, said, phase)
    if found.cause != "engine-refused":
        return found
    return found.model_copy(update={"hint": "the operator compares with: loco-server admin check"})


def too_large(rollout: Rollout, size: int, most: int) -> Diagnosis:
    message = f"the command of v{rollout.deployment} is too large: {size >> 10} KiB with all else, {most >> 10} at most"
    hint = "put the command into a script in the image, and name the script in loco.toml; then run `loco deploy`"
    return made("starting", "engine-refused", message, hint)


def route_refused(host: str, said: str) -> Diagnosis:
    message = f"the gateway does not take the route of {host}"
    hint = "the operator looks at: loco-server admin check"
    return made("switching", "edge-rejected", message, hint, ("the gateway said", said))
