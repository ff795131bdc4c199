"""Where the images are kept: the volume of the registry, or what would give it one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loco_server.check.cluster.asking import SYSTEM, Asker
from loco_server.check.cluster.place import Place
from loco_server.check.finding import Finding, missing, ok
from loco_server.engines.kubernetes.kinds import Kind

NAME = "storage"
CLAIM = "loco-registry"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
_CLASS = Kind("StorageClass", "storage.k8s.io/v1", "storageclasses", namespaced=False)


@dataclass(frozen=True)
class Storage:
    claim: Mapping[str, Any] | None
    classes: Sequence[Mapping[str, Any]]


def judge(found: Storage) -> Finding:
    defaults = [
        each["metadata"]["name"]
        for each in found.classes
        if (each["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
    ]
    if found.claim is None:
        if defaults:
            return ok(NAME, f"the registry's volume will come from the default class {defaults[0]}")
        return missing(NAME, "there is no default StorageClass, and no volume for the registry", _name_a_class())
    phase = (found.claim.get("status") or {}).get("phase", "")
    size = ((found.claim.get("status") or {}).get("capacity") or {}).get("storage", "")
    if phase == "Bound":
        return ok(NAME, f"the registry's volume is bound{f', {size}' if size else ''}")
    wanted = (found.claim.get("spec") or {}).get("storageClassName")
    if wanted is None and not defaults:
        return missing(NAME, f"the claim {CLAIM} waits: there is no default StorageClass", _name_a_class())
    if wanted is not None and wanted not in {each["metadata"]["name"] for each in found.classes}:
        return missing(
            NAME, f"the claim {CLAIM} waits for the StorageClass {wanted}, which is not there", _name_a_class()
        )
    fix = f"kubectl describe pvc {CLAIM} -n {SYSTEM}"
    return missing(NAME, f"the claim {CLAIM} is {phase.lower() or 'not looked at yet'}, and not bound", fix)


def _name_a_class() -> str:
    return f"mark a class as default ({_DEFAULT}=true), or name one in the claim {CLAIM} by your overlay"


async def look(asker: Asker, place: Place) -> Finding:
    if place.known and not place.own_registry:
        return ok(NAME, f"the images are kept elsewhere: {place.settings.get('LOCO_REGISTRY_URL', '')}")
    claim = await asker.get(_CLAIM, SYSTEM, CLAIM)
    bound = claim is not None and (claim.get("status") or {}).get("phase") == "Bound"
    return judge(Storage(claim, () if bound else await asker.list(_CLASS)))
