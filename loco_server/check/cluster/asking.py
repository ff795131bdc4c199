"""How the checks ask the Kubernetes API: what it refuses or leaves unanswered is why a check cannot be made."""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from loco_server.check.finding import CannotLookError
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.kinds import Kind

T = TypeVar("T")

SYSTEM = "loco-system"
"""The namespace where deploy/kubernetes installs the server."""
SERVER = f"system:serviceaccount:{SYSTEM}:loco-server"
APPLY = "apply your overlay again: kubectl apply -k OVERLAY (deploy/kubernetes/overlays)"
ADMINISTRATOR = "run it with an administrator's kubeconfig: loco-server admin check --kubeconfig FILE"
_TRIES = 2


class Asker:
    """Each method raises CannotLookError; what is not there is None, or an empty list."""

    def __init__(self, kubeconfig: str | None) -> None:
        self.api = KubernetesApi(kubeconfig, tries=_TRIES)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        return await _told(self.api.get(kind, namespace, name))

    async def list(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        found, _ = await _told(self.api.list(kind, namespace))
        return found

    async def serves(self, kind: Kind) -> bool:
        return await _told(self.api.serves(kind))

    async def ask(self, path: str, body: Object | None = None, query: Mapping[str, str] | None = None) -> Object:
        return await _told(self.api.ask(path, body, query))

    async def close(self) -> None:
        await self.api.close()


async def _told(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except RefusedError as e:
        if e.status == 403:
            raise CannotLookError("this account may not look at it", ADMINISTRATOR) from e
        raise CannotLookError(f"the Kubernetes API refused ({e.status}): {e.message[:200]}", ADMINISTRATOR) from e
    except EngineDownError as e:
        raise CannotLookError(str(e)[:300], "kubectl get --raw /readyz tells how the API is") from e


def condition(found: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """Give (status, why) of a condition in `status.conditions`; (`Unknown`, …) where it is not told yet."""
    conditions = (found.get("status") or found).get("conditions") or []
    for each in conditions:
        if each.get("type") == kind:
            why = ": ".join(str(each[key]) for key in ("reason", "message") if each.get(key))
            return str(each.get("status", "Unknown")), why[:200]
    return "Unknown", "nobody has said so yet"
