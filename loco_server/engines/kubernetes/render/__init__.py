"""From a Rollout to the manifests that make it true. Pure."""

from dataclasses import dataclass, field
from typing import Any

from loco_server.engines.base import Rollout
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.render import exposure, fences, secrets, workload

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    """All objects of one rollout, in the order in which they are applied."""

    namespace: Manifest
    fences: tuple[Manifest, ...]
    pull: Manifest = field(repr=False)
    env: Manifest = field(repr=False)
    """Made where it is missing, never changed: what runs was started with it."""
    deployment: Manifest
    exposure: tuple[Manifest, ...]
    """What leads to the pods and what watches over their number: only once they are healthy."""

    @property
    def everything(self) -> tuple[Manifest, ...]:
        return (self.namespace, *self.fences, self.pull, self.env, self.deployment, *self.exposure)


def render(cluster: Cluster, rollout: Rollout, *, env_secret: str | None = None) -> Manifests:
    """Give the manifests; `env_secret` is the name of the Secret that is there already, if it is to stay."""
    env = secrets.env(cluster, rollout)
    if env_secret is not None:
        env["metadata"]["name"] = env_secret
    return Manifests(
        namespace=fences.namespace(cluster, rollout.app, [route.host for route in rollout.unit.routes]),
        fences=fences.of_unit(cluster, rollout),
        pull=secrets.pull(cluster, rollout),
        env=env,
        deployment=workload.deployment(cluster, rollout, env_secret=env["metadata"]["name"]),
        exposure=exposure.of_unit(cluster, rollout),
    )
