"""What was installed: its Secrets, the migration, the server and the registry."""

import asyncio
from collections.abc import Mapping
from typing import Any

from loco_server import keys
from loco_server.check.cluster.asking import APPLY, SYSTEM, Asker, condition
from loco_server.check.cluster.place import Place
from loco_server.check.finding import Finding, missing, ok, warning
from loco_server.engines.kubernetes.kinds import DEPLOYMENT, JOB, SECRET

SECRETS, MIGRATION, SERVER, REGISTRY = "secrets", "migration", "server", "registry"
_OWN = (keys.SERVER_KEY, keys.GATEWAY_KEY)
_DISTRIBUTION = (keys.UPSTREAM_KEY, keys.UPSTREAM_CERTIFICATE, keys.UPLOADS_KEY)
_MAKE = "loco-server admin keys --directory DIR makes it, and tells the command"
_FIXES = {
    "loco-database": f"kubectl create secret generic loco-database -n {SYSTEM} --from-file=url=FILE, the URL in it",
    "loco-keys": _MAKE,
    "loco-secret-keys": _MAKE,
    "loco-tls": f"kubectl create secret tls loco-tls -n {SYSTEM} --cert=FILE --key=FILE, for *.DOMAIN; or cert-manager",
}


def wanted(*, own_registry: bool) -> dict[str, tuple[str, ...]]:
    """Give the names of the Secrets, and of what must be in each."""
    return {
        "loco-database": ("url",),
        "loco-keys": (*_OWN, *(_DISTRIBUTION if own_registry else ())),
        "loco-secret-keys": ("keys",),
        "loco-tls": ("tls.crt", "tls.key"),
    }


def secrets(needed: Mapping[str, tuple[str, ...]], live: Mapping[str, frozenset[str] | None]) -> Finding:
    """`live`: each name → the names of what is in it and not empty; None: there is no such Secret."""
    faults = {}
    for name, parts in needed.items():
        there = live.get(name)
        if there is None:
            faults[name] = "is not there"
        elif lacking := [part for part in parts if part not in there]:
            faults[name] = f"has no {', '.join(lacking)}"
    if faults:
        fixes = dict.fromkeys(_FIXES[name] for name in faults)
        return missing(SECRETS, "; ".join(f"{name} {what}" for name, what in faults.items()), "\n".join(fixes))
    return ok(SECRETS, f"{', '.join(needed)} are there, with what belongs in them")


async def look_at_secrets(asker: Asker, place: Place) -> Finding:
    needed = wanted(own_registry=place.own_registry)

    async def parts(name: str) -> frozenset[str] | None:
        found = await asker.get(SECRET, SYSTEM, name)
        # The values go no further than this line.
        return None if found is None else frozenset(key for key, value in (found.get("data") or {}).items() if value)

    live = await asyncio.gather(*map(parts, needed))
    return secrets(needed, dict(zip(needed, live, strict=True)))


def migration(job: Mapping[str, Any] | None) -> Finding:
    logs = f"kubectl logs job/loco-migrate -n {SYSTEM}"
    if job is None:
        return missing(MIGRATION, "the Job loco-migrate is not there: nobody brought the records to this schema", APPLY)
    complete, _ = condition(job, "Complete")
    if complete == "True":
        return ok(MIGRATION, "the Job loco-migrate is complete")
    failed, why = condition(job, "Failed")
    if failed == "True":
        return missing(
            MIGRATION,
            f"the Job loco-migrate failed ({why})",
            f"{logs}; then kubectl delete job loco-migrate -n {SYSTEM}, and apply it again",
        )
    return missing(MIGRATION, "the Job loco-migrate is not complete yet", logs)


def deployment(check: str, name: str, found: Mapping[str, Any] | None) -> Finding:
    if found is None:
        return missing(check, f"the Deployment {name} is not there", APPLY)
    status = found.get("status") or {}
    asked, there = int((found.get("spec") or {}).get("replicas", 1)), int(status.get("availableReplicas") or 0)
    fix = f"kubectl describe deployment {name} -n {SYSTEM}\nkubectl logs deployment/{name} -n {SYSTEM}"
    if asked == 0:
        return missing(check, f"{name} is scaled to none", f"kubectl scale deployment {name} -n {SYSTEM} --replicas 1")
    if there == 0:
        _, why = condition(found, "Progressing" if condition(found, "Progressing")[0] == "False" else "Available")
        return missing(check, f"none of {asked} {name} is available ({why})", fix)
    if there < asked:
        return warning(check, f"{there} of {asked} {name} are available", fix)
    return ok(check, f"{there} of {asked} available")


async def look_at_migration(asker: Asker) -> Finding:
    return migration(await asker.get(JOB, SYSTEM, "loco-migrate"))


async def look_at_server(asker: Asker) -> Finding:
    return deployment(SERVER, "loco-server", await asker.get(DEPLOYMENT, SYSTEM, "loco-server"))


async def look_at_registry(asker: Asker, place: Place) -> Finding:
    if place.known and not place.own_registry:
        return ok(REGISTRY, f"it is another one: {place.settings.get('LOCO_REGISTRY_URL', '')}")
    return deployment(REGISTRY, "loco-registry", await asker.get(DEPLOYMENT, SYSTEM, "loco-registry"))
