"""What the installation in the cluster is set to, by its ConfigMap or, in the pod, by the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from loco_server.check.cluster.asking import SYSTEM, Asker
from loco_server.check.finding import CannotLookError, Finding, missing, ok, unknown
from loco_server.engines.kubernetes.kinds import Kind
from loco_server.registry_settings import RegistrySettings

NAME = "settings"
EXAMPLE = "apps.example.com"
_VARIABLES = (
    "LOCO_BLOCKED_NETWORKS",
    "LOCO_DOMAIN",
    "LOCO_GATEWAY",
    "LOCO_GATEWAY_NAMESPACE",
    "LOCO_REGISTRY",
    "LOCO_REGISTRY_HOST",
    "LOCO_REGISTRY_URL",
    "LOCO_GITHUB_CLIENT_ID",
    "LOCO_GOOGLE_CLIENT_ID",
)
_CONFIG_MAP = Kind("ConfigMap", "v1", "configmaps")
_PATCH = f"kubectl edit configmap loco-server -n {SYSTEM}, or in your overlay; then restart the server"
_OVERLAY = "set it in your overlay, where the Gateway and the certificates have it too: kubectl apply -k OVERLAY"


@dataclass(frozen=True)
class Place:
    known: bool
    """Whether its settings could be read at all."""
    settings: Mapping[str, str]
    why: str = ""
    """Where they could not: why."""
    fix: str = ""

    @property
    def domain(self) -> str:
        return self.settings.get("LOCO_DOMAIN", "")

    @property
    def registry_host(self) -> str:
        return self.settings.get("LOCO_REGISTRY_HOST") or (f"registry.{self.domain}" if self.domain else "")

    @property
    def gateway(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.settings.get("LOCO_GATEWAY_NAMESPACE") or SYSTEM, self.settings.get("LOCO_GATEWAY") or "loco"

    @property
    def own_registry(self) -> bool:
        """Whether the images are kept by the Distribution that deploy/kubernetes installs."""
        member = self.settings.get("LOCO_REGISTRY") or RegistrySettings.member
        url = self.settings.get("LOCO_REGISTRY_URL", "")
        return member == RegistrySettings.member and (not url or f"loco-registry.{SYSTEM}" in url)


async def place(asker: Asker, environment: Mapping[str, str], *, in_pod: bool) -> Place:
    if in_pod:
        return Place(known=True, settings=_read(environment))
    try:
        found = await asker.get(_CONFIG_MAP, SYSTEM, "loco-server")
    except CannotLookError as e:
        return Place(known=False, settings=_read(environment), why=e.said, fix=e.fix)
    return Place(known=True, settings={} if found is None else _read(found.get("data") or {}))


def _read(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Only what is asked for here: in a pod the environment holds the database's password too."""
    return {name: environment[name] for name in _VARIABLES if name in environment}


def judge(found: Place) -> Finding:
    if not found.known:
        return unknown(NAME, found.why, found.fix)
    if not found.settings:
        return missing(
            NAME, f"the ConfigMap loco-server in {SYSTEM} is not there, or empty: loco is not installed", _install()
        )
    if not found.domain:
        return missing(NAME, "LOCO_DOMAIN is not set", _OVERLAY)
    if found.domain == EXAMPLE:
        return missing(NAME, f"LOCO_DOMAIN is still the example, {EXAMPLE}", _OVERLAY)
    if not (found.settings.get("LOCO_GITHUB_CLIENT_ID") or found.settings.get("LOCO_GOOGLE_CLIENT_ID")):
        return missing(
            NAME,
            "nobody could sign in, and no server starts: set LOCO_GITHUB_CLIENT_ID or LOCO_GOOGLE_CLIENT_ID",
            _PATCH,
        )
    return ok(NAME, f"domain {found.domain}, images as {found.registry_host}/…")


def _install() -> str:
    return "kubectl apply -k OVERLAY, of deploy/kubernetes/overlays or your own: loco docs operations"
