"""Whether the cluster refuses a pod that Pod Security `restricted` forbids: asked with one, as a dry run."""

from collections.abc import Mapping
from dataclasses import dataclass

from loco_server.check.cluster.asking import ADMINISTRATOR, APPLY, SYSTEM, Asker
from loco_server.check.finding import CannotLookError, Finding, missing, ok, unknown
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes.api import RefusedError
from loco_server.engines.kubernetes.kinds import NAMESPACE, POD

NAME = "pod-security"
_LABEL = "pod-security.kubernetes.io/enforce"
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "loco-check-"},
    "spec": {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "hostNetwork": True,  # privileged is refused by the API itself where no node may run such pods
        "containers": [{"name": "check", "image": "loco.invalid/check"}],
    },
}


@dataclass(frozen=True)
class Asked:
    labels: Mapping[str, str] | None
    """Of the namespace; None: it is not there."""
    status: int
    """What the API answered to such a pod; 201: it would take it."""
    message: str


def judge(found: Asked) -> Finding:
    if found.labels is None:
        return missing(NAME, f"the namespace {SYSTEM} is not there", APPLY)
    if found.labels.get(_LABEL) != "restricted":
        fix = f"kubectl label --overwrite namespace {SYSTEM} {_LABEL}=restricted"
        return missing(NAME, f"{SYSTEM} does not enforce Pod Security restricted", fix)
    if "violates PodSecurity" in found.message:  # the admission plugin has no other way to say who refused
        return ok(NAME, "a pod on the host's network is refused where restricted is enforced")
    if found.status < 300:
        return missing(
            NAME,
            "a pod on the host's network would be taken where restricted is enforced",
            "the API server needs the admission plugin PodSecurity, which is on by default",
        )
    if found.status == 403:
        return unknown(NAME, "this account may not try it", ADMINISTRATOR)
    return unknown(NAME, f"the trial was refused by something else: {found.message[:200]}", ADMINISTRATOR)


async def look(asker: Asker) -> Finding:
    space = await asker.get(NAMESPACE, None, SYSTEM)
    labels = None if space is None else (space["metadata"].get("labels") or {})
    if labels is None or labels.get(_LABEL) != "restricted":
        return judge(Asked(labels, 0, ""))
    try:
        await asker.api.ask(POD.path(SYSTEM), _POD, {"dryRun": "All"})
    except RefusedError as e:
        return judge(Asked(labels, e.status, e.message))
    except EngineDownError as e:
        raise CannotLookError(str(e)[:300]) from e
    return judge(Asked(labels, 201, ""))
