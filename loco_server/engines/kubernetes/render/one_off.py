"""The Job that somebody is attached to. Pure."""

from typing import Any

from loco_server.engines.attached import Start
from loco_server.engines.base import Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render.workload import release

SECONDS_MOST = 24 * 3600 + 600
"""The cluster's own end of it; its server ends it before."""
GATE = 'read -r _ && exec "$@"'
"""What is said before anybody hears it would be lost. `read` takes no more than the one line."""


def one_off(
    cluster: Cluster, rollout: Rollout, start: Start, name: str, *, env_secret: str, gated: bool
) -> dict[str, Any]:
    """Give the Job. It has none of the labels by which instances, their logs and what a deployment has are found."""
    command = ("sh", "-c", GATE, "sh", *start.command) if gated else start.command
    job = release(cluster, rollout, command, env_secret=env_secret, timeout_seconds=SECONDS_MOST)
    labels = {"app.kubernetes.io/managed-by": names.MANAGER, names.ROLE: "run"}
    job["metadata"] |= {"name": name, "labels": {**labels, names.RUN_OF: cluster.installation}}
    job["spec"]["template"]["metadata"]["labels"] = labels
    container = job["spec"]["template"]["spec"]["containers"][0]
    container |= {"stdin": gated or start.stdin, "stdinOnce": gated or start.stdin, "tty": start.tty}
    return job
