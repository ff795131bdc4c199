"""A rollout that is only thought of: each manifest through the API server's own dry run, with all its admission.

No value of a variable and no ticket is sent: the two Secrets go empty.
"""

from loco_server.engines.base import Rollout, RolloutFailedError
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object, RefusedError
from loco_server.engines.kubernetes.applying import refuse_large
from loco_server.engines.kubernetes.cluster import Cluster
from loco_server.engines.kubernetes.comparing import widened
from loco_server.engines.kubernetes.render import render

SAID = 300
"""Characters of a refusal that are shown."""


class Trier:
    def __init__(self, api: KubernetesApi, cluster: Cluster) -> None:
        self._api = api
        self._cluster = cluster

    async def dry_run(self, rollout: Rollout) -> tuple[str, ...]:
        """As `Engine.dry_run` promises."""
        manifests, said = render(self._cluster, rollout), list[str]()
        try:
            refuse_large(rollout, manifests.deployment)
        except RolloutFailedError as error:
            said.append(error.diagnosis.message)
        name = manifests.namespace["metadata"]["name"]
        found = await self._api.get(kinds.NAMESPACE, None, name)
        if found is not None and found["metadata"].get("deletionTimestamp"):
            return (*said, f"namespace {name} is still being removed; nothing could be tried in it")
        await self._apply(widened(manifests.namespace, found), said)
        if found is None:
            return (*said, f"namespace {name} is not there yet: only itself could be tried, and nothing in it")
        allotted = (found["metadata"].get("annotations") or {}).get(names.HOSTS, "").split(",")
        for secret in (manifests.pull, manifests.env):
            await self._make(_emptied(secret), said)
        for each in (*manifests.fences, manifests.deployment, *manifests.exposure):
            new = sorted({*(each["spec"].get("hostnames") or ())} - {*allotted}) if each["kind"] == "HTTPRoute" else []
            if new:  # the fence around the server would refuse it, until the namespace really has the host
                said.append(
                    f"HTTPRoute {each['metadata']['name']}: {', '.join(new)} is new here, and could not be tried"
                )
            else:
                await self._apply(each, said)
        return tuple(said)

    async def _apply(self, manifest: Object, said: list[str]) -> None:
        what, warnings = f"{manifest['kind']} {manifest['metadata']['name']}", list[str]()
        try:
            try:
                await self._api.apply(manifest, dry=warnings)
            except RefusedError as error:
                if not (error.conflict and error.managers):
                    raise
                others = [text for text in error.managers if names.REPLICAS_MANAGER not in text]
                said += [f"{what}: {text}; would be taken back" for text in others]
                await self._api.apply(manifest, force=True, dry=warnings)
        except RefusedError as error:
            said.append(f"{what} would be refused: {error.message[:SAID]}")
        said += [f"{what}: {text[:SAID]}" for text in dict.fromkeys(warnings)]

    async def _make(self, manifest: Object, said: list[str]) -> None:
        try:
            await self._api.make(manifest, replace=False, dry=True)
        except RefusedError as error:
            said.append(f"Secret {manifest['metadata']['name']} would be refused: {error.message[:SAID]}")


def _emptied(secret: Object) -> Object:
    """Keys without values; a pull Secret must be JSON all the same."""
    return secret | {"data": {key: "e30=" if key == ".dockerconfigjson" else "" for key in secret["data"]}}
