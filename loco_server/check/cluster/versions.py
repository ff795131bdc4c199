"""Which Kubernetes and which Gateway API answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from loco_server.check.cluster.asking import ADMINISTRATOR, Asker
from loco_server.check.finding import CannotLookError, Finding, missing, ok, unknown, warning
from loco_server.engines.kubernetes.kinds import HTTP_ROUTE, Kind

KUBERNETES, GATEWAY_API = "kubernetes", "gateway-api"
OLDEST, NEWEST = (1, 33), (1, 37)
"""Of Kubernetes: below it loco does not work, above it nobody has tried."""
OLDEST_BUNDLE = (1, 2)
_ANNOTATION = "gateway.networking.k8s.io"
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)")
_INSTALL = "install the standard channel, 1.2 or later: https://gateway-api.sigs.k8s.io/guides/"
DEFINITION = Kind("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)


def numbers(text: str) -> tuple[int, int] | None:
    """Read major and minor: `v1.33.2-gke.1` → (1, 33)."""
    found = _NUMBERS.match(text)
    return (int(found[1]), int(found[2])) if found else None


def kubernetes(version: str) -> Finding:
    found = numbers(version)
    if found is None:
        return unknown(KUBERNETES, f"its version cannot be read: {version!r}", "kubectl version")
    if found < OLDEST:
        return missing(KUBERNETES, f"{version}; loco needs 1.33 or later", "upgrade the cluster")
    if found > NEWEST:
        return warning(KUBERNETES, f"{version}; loco was tried with 1.33 to 1.37", "look for a newer loco")
    return ok(KUBERNETES, version)


@dataclass(frozen=True)
class GatewayApi:
    served: bool
    """HTTPRoute, v1."""
    annotations: Mapping[str, str] | None
    """Of its definition; None: they may not be looked at."""


def gateway_api(found: GatewayApi) -> Finding:
    if not found.served:
        return missing(GATEWAY_API, "HTTPRoute v1 is not served: the Gateway API is not installed", _INSTALL)
    if found.annotations is None:
        return unknown(GATEWAY_API, "HTTPRoute v1 is served; of which release is not to be seen", ADMINISTRATOR)
    version = found.annotations.get(f"{_ANNOTATION}/bundle-version", "")
    channel = found.annotations.get(f"{_ANNOTATION}/channel", "")
    release = numbers(version)
    if release is None or release == (0, 0):
        return warning(GATEWAY_API, f"HTTPRoute v1 is served, by no release: {version or 'no version'}", _INSTALL)
    if release < OLDEST_BUNDLE:
        return missing(GATEWAY_API, f"{version}; loco needs 1.2 or later", _INSTALL)
    if channel != "standard":
        return warning(GATEWAY_API, f"{version}, {channel or 'no'} channel; its kinds may change or go", _INSTALL)
    return ok(GATEWAY_API, f"{version}, standard channel")


async def look_at_gateway_api(asker: Asker) -> Finding:
    served = await asker.serves(HTTP_ROUTE)
    annotations: Mapping[str, str] | None = None
    if served:
        try:
            found = await asker.get(DEFINITION, None, f"{HTTP_ROUTE.plural}.{_ANNOTATION}")
            annotations = ((found or {}).get("metadata") or {}).get("annotations") or {}
        except CannotLookError:
            annotations = None
    return gateway_api(GatewayApi(served, annotations))
