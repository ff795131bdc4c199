"""metrics-server, or another who serves what pods use."""

from loco_server.check.cluster.asking import Asker
from loco_server.check.finding import CannotLookError, Finding, ok, warning
from loco_server.engines.kubernetes.kinds import POD_METRICS

NAME = "metrics"
_WITHOUT = "apps do not scale by themselves, and admin overview shows no use"


def judge(*, served: bool, fault: str) -> Finding:
    """`fault`: why it is registered and does not answer; empty where it does."""
    if fault:
        return warning(NAME, f"metrics.k8s.io does not answer: {_WITHOUT} ({fault})", "kubectl get apiservices")
    if not served:
        return warning(
            NAME,
            f"metrics.k8s.io is not served: {_WITHOUT}",
            "install metrics-server: https://github.com/kubernetes-sigs/metrics-server",
        )
    return ok(NAME, "metrics.k8s.io is served")


async def look(asker: Asker) -> Finding:
    groups = await asker.ask("/apis")
    if POD_METRICS.api_version.partition("/")[0] not in {each["name"] for each in groups.get("groups") or []}:
        return judge(served=False, fault="")
    try:
        return judge(served=await asker.serves(POD_METRICS), fault="")
    except CannotLookError as e:
        return judge(served=False, fault=e.said)
