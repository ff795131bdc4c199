"""All checks of a cluster, in the order in which an operator puts things right."""

from collections.abc import Awaitable, Callable, Mapping

from loco_server.check.cluster import (
    gateways,
    hosts,
    metrics,
    networks,
    permissions,
    place,
    plugins,
    podsecurity,
    policies,
    storage,
    versions,
    workloads,
)
from loco_server.check.cluster.asking import Asker
from loco_server.check.cluster.place import Place
from loco_server.check.finding import Finding, missing, unknown
from loco_server.check.running import Check, found
from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes.api import RefusedError


async def look(kubeconfig: str | None, environment: Mapping[str, str]) -> tuple[Finding, ...]:
    """Look at the cluster of the kubeconfig; None: of this pod. Raises nothing."""
    asker = Asker(kubeconfig)
    try:
        settings = Place(known=False, settings={})

        async def read() -> Finding:
            nonlocal settings
            settings = await place.place(asker, environment, in_pod=kubeconfig is None)
            return place.judge(settings)

        first = await found([Check(versions.KUBERNETES, lambda: _version(asker)), Check(place.NAME, read)])
        if first[0].state == "unknown" or first[0].fix == _NO_WAY:
            return first[0], unknown("the rest", "was not looked at: the Kubernetes API gave no answer")
        return *first, *await found(_checks(asker, settings))
    finally:
        await asker.close()


_NO_WAY = "see that the kubeconfig is the right one: kubectl --kubeconfig FILE get --raw /version"


async def _version(asker: Asker) -> Finding:
    try:
        return versions.kubernetes(await asker.api.version())
    except (RefusedError, EngineDownError) as e:
        return missing(versions.KUBERNETES, str(e)[:300], _NO_WAY)


def _checks(asker: Asker, settings: Place) -> list[Check]:
    looks: dict[str, Callable[[], Awaitable[Finding]]] = {
        versions.GATEWAY_API: lambda: versions.look_at_gateway_api(asker),
        policies.NAME: lambda: policies.look(asker),
        permissions.NAME: lambda: permissions.look(asker),
        permissions.SECRETS: lambda: permissions.look_at_secrets(asker),
        podsecurity.NAME: lambda: podsecurity.look(asker),
        plugins.NAME: lambda: plugins.look(asker),
        networks.NAME: lambda: networks.look(asker, settings),
        metrics.NAME: lambda: metrics.look(asker),
        workloads.SECRETS: lambda: workloads.look_at_secrets(asker, settings),
        storage.NAME: lambda: storage.look(asker, settings),
        workloads.MIGRATION: lambda: workloads.look_at_migration(asker),
        workloads.REGISTRY: lambda: workloads.look_at_registry(asker, settings),
        workloads.SERVER: lambda: workloads.look_at_server(asker),
        gateways.GATEWAY: lambda: gateways.look(asker, settings),
        gateways.LISTENERS: lambda: gateways.look_at_listeners(asker, settings),
        hosts.API: lambda: hosts.look_at_api(settings),
        hosts.REGISTRY: lambda: hosts.look_at_registry(settings),
    }
    return [Check(name, look) for name, look in looks.items()]
