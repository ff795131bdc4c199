"""The two Secrets of an app: what its containers are told, and what its images are pulled with."""

import base64
import json
from typing import Any

from loco_server.engines.base import Rollout
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render.objects import made


def env(cluster: Cluster, rollout: Rollout) -> dict[str, Any]:
    """Give all variables of one deployment. Immutable: a pod that starts next month starts with the same."""
    data = {key: _encoded(value) for key, value in rollout.unit.env}
    name = names.env_secret(rollout)
    found = made(cluster, rollout.app, "v1", "Secret", name, type="Opaque", immutable=True, data=data)
    found["metadata"]["labels"] |= {names.ROLE: "env", names.DEPLOYMENT: str(rollout.deployment)}
    return found


def pull(cluster: Cluster, rollout: Rollout) -> dict[str, Any]:
    """Give the pull ticket. Updated in place: images that it has pulled stay usable on their nodes (KEP-2535)."""
    ticket = rollout.pull
    login = {"username": ticket.username, "password": ticket.password}
    login["auth"] = _encoded(f"{ticket.username}:{ticket.password}")
    config = json.dumps({"auths": {ticket.registry: login}}, sort_keys=True)
    return made(
        cluster,
        rollout.app,
        "v1",
        "Secret",
        names.PULL_SECRET,
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": _encoded(config)},
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
