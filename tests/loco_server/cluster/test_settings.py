"""What the operator sets: everything that is wrong is told at once, and nothing is made up."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from loco_server import keys
from loco_server.cluster.settings import PRIVATE, cluster_settings
from loco_server.kubernetes_settings import Kubernetes
from loco_spec.errors import UsageError
from tests.loco_server.cluster.serving import environment

DATABASE = "postgresql://loco:swordfish@db.example.com/loco"


def refused(variables: dict[str, str]) -> str:
    with pytest.raises(UsageError) as error:
        cluster_settings(variables)
    assert error.value.hint == "correct them in the ConfigMap loco-server and its Secrets"
    return error.value.message


def test_what_must_be_set_is_enough(tmp_path: Path) -> None:
    found = cluster_settings(environment(tmp_path, DATABASE))
    assert found.engine == "kubernetes"
    assert found.kubernetes == Kubernetes()
    assert found.public_api_url == "https://api.apps.example.com"
    assert found.apps_url == "https://*.apps.example.com"
    assert found.edge_url == "https://apps.example.com"
    assert found.push_host == found.registry_host == "registry.apps.example.com"
    assert found.registry.url == "http://127.0.0.1:1"
    assert found.keys_dir == tmp_path / "secrets" / "keys"
    assert found.database_url == "postgresql+psycopg://loco:swordfish@db.example.com/loco"
    assert "swordfish" not in repr(found)
    assert found.cluster is not None
    assert found.cluster.proxies == PRIVATE


def test_no_disk_of_the_pod_stands_in_the_way_of_a_deployment(tmp_path: Path) -> None:
    assert cluster_settings(environment(tmp_path, DATABASE)).limits.free_space_bytes == 0


def test_every_variable_is_taken(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()
    found = cluster_settings(
        environment(
            tmp_path,
            DATABASE,
            LOCO_DATA_DIR="/tmp/loco",
            LOCO_REGISTRY_HOST="images.example.com:5443",
            LOCO_GATEWAY="front",
            LOCO_GATEWAY_NAMESPACE="gateways",
            LOCO_PROXY_NAMESPACE="proxies",
            LOCO_MONITORING_NAMESPACE="metrics",
            LOCO_BLOCKED_NETWORKS="100.64.0.0/10, 203.0.113.0/24",
            LOCO_DNS_NETWORKS="169.254.20.10/32",
            LOCO_USER_NAMESPACES="true",
            LOCO_KUBECONFIG=str(kubeconfig),
            LOCO_TRUSTED_PROXIES="10.1.0.0/16",
            LOCO_TEAM_APPS="7",
            LOCO_SIGN_UP="open",
            LOCO_ALLOWED_IMAGES="ghcr.io/acme",
        )
    )
    assert found.kubernetes == Kubernetes(
        kubeconfig=str(kubeconfig),
        gateway="front",
        gateway_namespace="gateways",
        proxy_namespace="proxies",
        monitoring_namespace="metrics",
        blocked=("100.64.0.0/10", "203.0.113.0/24"),
        dns=("169.254.20.10/32",),
        user_namespaces=True,
    )
    assert found.cluster is not None
    assert found.cluster.proxies == (IPv4Network("10.1.0.0/16"),)
    assert found.push_host == found.registry_host == "images.example.com:5443"
    assert (found.limits.team.apps, found.identity.sign_up.mode) == (7, "open")
    assert found.run_dir == Path("/tmp/loco/run")


def test_everything_that_is_missing_is_told_at_once_with_what_to_set() -> None:
    said = refused({}).splitlines()
    assert said[0] == "6 settings do not work:"
    assert [line.split()[0] for line in said[1:]] == [
        "LOCO_DOMAIN",
        "LOCO_REGISTRY_URL",
        "LOCO_KEYS_DIR",
        "LOCO_DATABASE_URL",
        "LOCO_SECRET_KEYS_FILE",
        "nobody",
    ]
    assert "postgresql+psycopg://USER@HOST/DATABASE" in said[4]
    assert "http://loco-registry.loco-system.svc:5000" in said[2]


def test_everything_that_cannot_work_is_told_at_once_and_no_secret_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / keys.SERVER_KEY).write_bytes(b"short")
    (folder / keys.GATEWAY_KEY).write_text("swordfish")
    said = refused(
        {
            "LOCO_DOMAIN": "localhost",
            "LOCO_DATABASE_URL": "mysql://loco:swordfish@db/loco",
            "LOCO_REGISTRY_URL": "registry:5000",
            "LOCO_REGISTRY_HOST": "https://registry",
            "LOCO_KEYS_DIR": str(folder),
            "LOCO_SECRET_KEYS_FILE": str(tmp_path / "nowhere"),
            "LOCO_GATEWAY": "A Gateway",
            "LOCO_BLOCKED_NETWORKS": "10.0.0.0/99",
            "LOCO_DNS_NETWORKS": "fd00::10/128",
            "LOCO_USER_NAMESPACES": "maybe",
            "LOCO_KUBECONFIG": str(tmp_path / "none"),
            "LOCO_TRUSTED_PROXIES": "everybody",
            "LOCO_FREE_SPACE_FLOOR": "5",
            "LOCO_TEAM_APPS": "many",
            "LOCO_TEAM_CPUS": "8",
            "LOCO_SIGN_UP": "sometimes",
            "LOCO_GOOGLE_CLIENT_ID": "a-client",
        }
    )
    for each in (
        'LOCO_DOMAIN: "localhost" is no domain',
        "LOCO_DATABASE_URL: records are kept on PostgreSQL or SQLite, not mysql",
        "LOCO_REGISTRY_URL is not a URL",
        "LOCO_REGISTRY_HOST is 'https://registry'",
        f"{folder / keys.SERVER_KEY} has 5 bytes and should have 32",
        f"{folder / keys.GATEWAY_KEY} is no elliptic-curve key in PEM",
        f"{folder / keys.UPSTREAM_KEY} is not there; loco-server admin keys",
        "LOCO_SECRET_KEYS_FILE: ",
        "LOCO_GATEWAY is 'A Gateway'",
        "LOCO_BLOCKED_NETWORKS is a list of networks",
        "LOCO_DNS_NETWORKS has fd00::10/128: apps reach what is outside by IPv4 alone",
        "LOCO_USER_NAMESPACES is 'maybe'; it is true or false",
        "LOCO_KUBECONFIG: ",
        "LOCO_TRUSTED_PROXIES is a list of networks",
        "LOCO_FREE_SPACE_FLOOR looks at the disk of one machine",
        "LOCO_TEAM_APPS is 'many'",
        "there is no LOCO_TEAM_CPUS",
        "LOCO_SIGN_UP is 'sometimes'",
        "LOCO_GOOGLE_CLIENT_SECRET_FILE is not set",
    ):
        assert each in said
    assert "swordfish" not in said


def test_records_on_sqlite_are_refused(tmp_path: Path) -> None:
    said = refused(environment(tmp_path, "sqlite+aiosqlite:////tmp/loco.db"))
    assert said == "LOCO_DATABASE_URL is SQLite, which servers cannot share: postgresql+psycopg://USER@HOST/DATABASE"


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    variables = environment(tmp_path, DATABASE)
    other = environment(tmp_path / "other", DATABASE)
    crt = Path(variables["LOCO_KEYS_DIR"]) / keys.UPSTREAM_CERTIFICATE
    crt.write_bytes((Path(other["LOCO_KEYS_DIR"]) / keys.UPSTREAM_CERTIFICATE).read_bytes())
    assert f"{crt} is not the certificate of registry-upstream.pem" in refused(variables)


def test_files_of_a_mounted_secret_are_the_groups_too_and_nobody_elses(tmp_path: Path) -> None:
    secret = tmp_path / "google"
    secret.write_text("a-secret")
    google = {"LOCO_GOOGLE_CLIENT_ID": "c", "LOCO_GOOGLE_CLIENT_SECRET_FILE": str(secret)}
    variables = environment(tmp_path, DATABASE, **google)
    secret.chmod(0o440)
    found = cluster_settings(variables).identity.google
    assert found is not None
    assert found.client_secret == "a-secret"
    secret.chmod(0o444)
    assert "can be read by others (mode 444)" in refused(variables)
