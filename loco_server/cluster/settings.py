"""What the operator of a cluster decides, by the variables of the ConfigMap and of the mounted Secrets."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from loco_server import keys, sealing
from loco_server.kubernetes_settings import Kubernetes
from loco_server.reading import Reading, listed
from loco_server.records import migrating
from loco_server.records.database import is_sqlite
from loco_server.registry_settings import RegistrySettings, registry_settings
from loco_server.settings import Cluster, Settings, default_data_dir, domain_name, everywhere
from loco_server.telemetry.settings import TelemetrySettings, telemetry_settings
from loco_spec.errors import UsageError

Network = IPv4Network | IPv6Network

PRIVATE: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""Where pods have their addresses in most clusters, and nobody from outside does."""
_OTHERS = 0o007
"""A Secret's files are the group's too: it is how a pod that is not root reads them."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_MADE_BY = "loco-server admin keys --directory DIR makes it"


def cluster_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the variables.

    Raises:
        UsageError: with everything that is missing or does not work, each with what to set.
    """
    reading = Reading()
    reading.faults += _useless(environment)
    domain = reading.take(lambda: _domain(environment), "")
    registry = reading.take(lambda: _registry(environment), RegistrySettings())
    host = reading.take(lambda: _registry_host(environment, domain), "")
    keys_dir = reading.take(lambda: _folder(environment, "LOCO_KEYS_DIR"), None)
    found = Settings(
        data_dir=default_data_dir(environment).expanduser().absolute(),
        domain=domain,
        engine="kubernetes",
        database=reading.take(lambda: _database(environment), ""),
        registry=registry,
        kubernetes=_kubernetes(environment, reading),
        cluster=Cluster(
            registry_host=host,
            keys_dir=keys_dir or Path(),
            proxies=reading.take(lambda: _networks(environment, "LOCO_TRUSTED_PROXIES"), ()) or PRIVATE,
        ),
        telemetry=reading.take(
            lambda: telemetry_settings(environment, log_format="json", level="info"), TelemetrySettings()
        ),
        **everywhere(environment, reading, others=_OTHERS),
    )
    if keys_dir is not None:
        reading.faults += _key_faults(keys_dir, signs_upstream=registry.member == RegistrySettings.member)
    reading.take(lambda: _secret_keys(found.secret_keys), None)
    if not environment.get("LOCO_GITHUB_CLIENT_ID") and not environment.get("LOCO_GOOGLE_CLIENT_ID"):
        reading.faults.append(
            "nobody could sign in: set LOCO_GITHUB_CLIENT_ID, or LOCO_GOOGLE_CLIENT_ID and "
            "LOCO_GOOGLE_CLIENT_SECRET_FILE"
        )
    try:
        reading.refuse()
    except ValueError as e:
        raise UsageError(str(e), hint="correct them in the ConfigMap loco-server and its Secrets") from e
    return replace(found, limits=replace(found.limits, free_space_bytes=0))  # no disk of this pod's is of interest


def _useless(environment: Mapping[str, str]) -> list[str]:
    """What would be set in the belief that it does something."""
    if environment.get("LOCO_FREE_SPACE_FLOOR"):
        text = "LOCO_FREE_SPACE_FLOOR looks at the disk of one machine: leave it out, and watch the registry's volume"
        return [text]
    if environment.get("LOCO_METRICS_LISTEN"):
        return ["LOCO_METRICS_LISTEN is for one machine; here metrics have a port of their own: --metrics-port"]
    return []


def _needed(environment: Mapping[str, str], name: str, example: str) -> str:
    found = environment.get(name, "").strip()
    if not found:
        raise ValueError(f"{name} is not set: {example}")
    return found


def _domain(environment: Mapping[str, str]) -> str:
    text = _needed(environment, "LOCO_DOMAIN", "apps are under it, and api.NAME and registry.NAME: apps.example.com")
    try:
        return domain_name(text)
    except ValueError as e:
        raise ValueError(f"LOCO_DOMAIN: {e}") from e


def _database(environment: Mapping[str, str]) -> str:
    text = _needed(environment, migrating.VARIABLE, migrating.FORM)
    if is_sqlite(text):
        raise ValueError(f"{migrating.VARIABLE} is SQLite, which servers cannot share: {migrating.FORM}")
    try:
        return migrating.parsed(text).render_as_string(hide_password=False)
    except UsageError as e:
        raise ValueError(f"{migrating.VARIABLE}: {e.message}; {e.hint}") from e


def _registry(environment: Mapping[str, str]) -> RegistrySettings:
    found = registry_settings(environment)
    if found.url is None:
        raise ValueError("LOCO_REGISTRY_URL is not set: http://loco-registry.loco-system.svc:5000")
    return found


def _registry_host(environment: Mapping[str, str], domain: str) -> str:
    found = environment.get("LOCO_REGISTRY_HOST") or (f"registry.{domain}" if domain else "registry")
    if not _HOST.fullmatch(found):
        raise ValueError(f"LOCO_REGISTRY_HOST is {found!r}; it is a host, perhaps with a port: registry.example.com")
    return found


def _folder(environment: Mapping[str, str], name: str) -> Path:
    found = Path(_needed(environment, name, "the folder where the Secret loco-keys is mounted"))
    if not found.is_dir():
        raise ValueError(f"{name}: {found} is no folder")
    return found.absolute()


def _key_faults(folder: Path, *, signs_upstream: bool) -> list[str]:
    """Tell which of the server's own keys are not there, or are something else. None is made here."""
    reading = Reading()

    def there(name: str) -> Path:
        path = folder / name
        try:
            path.read_bytes()
        except FileNotFoundError as e:
            raise ValueError(f"LOCO_KEYS_DIR: {path} is not there; {_MADE_BY}") from e
        except OSError as e:
            raise ValueError(f"LOCO_KEYS_DIR: {path} cannot be read: {e.strerror}") from e
        return path

    def signs(name: str) -> None:
        path = there(name)
        try:
            keys.signing_key(path)
        except (ValueError, TypeError) as e:
            raise ValueError(f"LOCO_KEYS_DIR: {path} is no elliptic-curve key in PEM; {_MADE_BY}") from e

    def certified(name: str, key: str) -> None:
        path = there(name)
        try:
            fits = keys.belong_together(folder / key, path)
        except (ValueError, TypeError) as e:
            raise ValueError(f"LOCO_KEYS_DIR: {path} is no certificate in PEM; {_MADE_BY}") from e
        if not fits:
            raise ValueError(f"LOCO_KEYS_DIR: {path} is not the certificate of {key}; {_MADE_BY}")

    reading.take(lambda: keys.server_key(there(keys.SERVER_KEY)), b"")
    reading.take(lambda: signs(keys.GATEWAY_KEY), None)
    if signs_upstream:
        before = len(reading.faults)
        reading.take(lambda: signs(keys.UPSTREAM_KEY), None)
        if len(reading.faults) == before:
            reading.take(lambda: certified(keys.UPSTREAM_CERTIFICATE, keys.UPSTREAM_KEY), None)
    return reading.faults


def _secret_keys(path: Path | None) -> None:
    name = "LOCO_SECRET_KEYS_FILE"
    if path is None:
        raise ValueError(f"{name} is not set: the file of the Secret loco-secret-keys; {_MADE_BY}")
    try:
        sealing.read(path.read_text(encoding="ascii"))
    except OSError as e:
        raise ValueError(f"{name}: {path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError:
        raise ValueError(f"{name}: {path} is not a text of keys") from None  # the fault would show what stands there
    except ValueError as e:
        raise ValueError(f"{name}: {path}: {e}") from e


def _kubernetes(environment: Mapping[str, str], reading: Reading) -> Kubernetes:
    def name(variable: str, otherwise: str) -> str:
        found = environment.get(variable) or otherwise
        if not _NAME.fullmatch(found):
            raise ValueError(f"{variable} is {found!r}, which is no name of anything in a cluster: {otherwise}")
        return found

    def taken(variable: str, otherwise: str) -> str:
        return reading.take(lambda: name(variable, otherwise), otherwise)

    return Kubernetes(
        kubeconfig=reading.take(lambda: _kubeconfig(environment), None),
        gateway=taken("LOCO_GATEWAY", Kubernetes.gateway),
        gateway_namespace=taken("LOCO_GATEWAY_NAMESPACE", Kubernetes.gateway_namespace),
        proxy_namespace=taken("LOCO_PROXY_NAMESPACE", Kubernetes.proxy_namespace),
        monitoring_namespace=taken("LOCO_MONITORING_NAMESPACE", Kubernetes.monitoring_namespace),
        blocked=reading.take(lambda: _by_ipv4(environment, "LOCO_BLOCKED_NETWORKS"), ()),
        dns=reading.take(lambda: _by_ipv4(environment, "LOCO_DNS_NETWORKS"), ()),
        user_namespaces=reading.take(lambda: _is_on(environment, "LOCO_USER_NAMESPACES"), False),
    )


def _kubeconfig(environment: Mapping[str, str]) -> str | None:
    found = environment.get("LOCO_KUBECONFIG")
    if found and not Path(found).is_file():
        raise ValueError(f"LOCO_KUBECONFIG: {found} is no file; in a cluster leave it out")
    return found or None


def _networks(environment: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, listed(environment.get(name, ""))))
    except ValueError as e:
        raise ValueError(f"{name} is a list of networks, such as 10.0.0.0/8: {e}") from e


def _by_ipv4(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = _networks(environment, name)
    for each in found:
        if each.version != 4:
            raise ValueError(f"{name} has {each}: apps reach what is outside by IPv4 alone")
    return tuple(map(str, found))


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    found = environment.get(name, "").lower()
    if found not in {"", "true", "false", "1", "0"}:
        raise ValueError(f"{name} is {found!r}; it is true or false")
    return found in {"true", "1"}
