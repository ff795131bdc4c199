"""What a pod said last: for whoever explains why it ended."""

from loco_server.engines import explaining
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes.api import KubernetesApi, RefusedError


async def last_lines(api: KubernetesApi, namespace: str, pod: str, *, previous: bool = False) -> tuple[str, ...] | None:
    """Give them; None where they cannot be had. `previous`: of its container before the last restart."""
    query = {"tailLines": str(explaining.LINES)} | ({"previous": "true"} if previous else {})
    try:
        text = await api.log_text(namespace, pod, query)
    except (RefusedError, EngineDownError):
        return None
    return tuple(text.splitlines()[-explaining.LINES :])
