"""The head that every manifest has."""

from typing import Any

from loco_server.engines.base import AppRef
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.cluster import Cluster


def made(
    cluster: Cluster,
    app: AppRef,
    api_version: str,
    kind: str,
    name: str,
    **rest: Any,
) -> dict[str, Any]:
    """Give a manifest in the app's namespace, labelled as the app's."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": names.namespace(app),
            "labels": names.labels(cluster.installation, app),
        },
        **rest,
    }
