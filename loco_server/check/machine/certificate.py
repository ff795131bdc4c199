"""The certificate of a public machine: for its names, for the time being, and with its key."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loco_server.check.finding import Finding, missing, ok, unknown, warning
from loco_server.check.machine.place import Machine
from loco_server.edge.public import SECRET_FILE
from loco_server.local.certificate import check
from loco_spec.errors import UsageError

NAME = "certificate"
WARN_BEFORE = timedelta(days=21)
_FLAGS = "--tls-cert FILE --tls-key FILE"


@dataclass(frozen=True)
class Pair:
    where: str
    certificate: bytes
    key: bytes = field(repr=False)


def judge(found: Pair, domain: str, now: datetime) -> Finding:
    try:
        ends = check(found.certificate, found.key, domain=domain, where=found.where, now=now)
    except UsageError as e:
        return missing(NAME, e.message, e.hint or _FLAGS)
    until = f"for *.{domain}, until {ends:%Y-%m-%d}"
    if ends - now < WARN_BEFORE:
        return warning(
            NAME, f"{until}: {(ends - now).days} days", "renew it; the new files are taken over by themselves"
        )
    return ok(NAME, until)


async def look(machine: Machine) -> Finding:
    assert machine.domain is not None  # noqa: S101  on loopback there is nothing to look at
    certificate, key = machine.tls
    if certificate is not None and key is not None:
        try:
            found = Pair(str(certificate), certificate.expanduser().read_bytes(), key.expanduser().read_bytes())
        except OSError as e:
            return missing(NAME, f"{e.filename} cannot be read: {e.strerror}", _FLAGS)
        return judge(found, machine.domain, datetime.now(UTC))
    path = machine.settings.run_dir / "tls" / SECRET_FILE
    try:
        return judge(_taken(path), machine.domain, datetime.now(UTC))
    except (FileNotFoundError, ValueError, KeyError):
        return unknown(NAME, "which one it is was not said, and none has been taken over yet", _FLAGS)


def _taken(path: Path) -> Pair:
    """What the server has handed to Envoy."""
    [resource] = json.loads(path.read_text(encoding="utf-8"))["resources"]
    found = resource["tls_certificate"]
    return Pair(
        "the one that is served",
        found["certificate_chain"]["inline_string"].encode(),
        found["private_key"]["inline_string"].encode(),
    )
