"""A real Kubernetes API for tests: a whole cluster (LOCO_TEST_KUBECONFIG), or etcd and kube-apiserver.

The latter by KUBEBUILDER_ASSETS, as the ecosystem's own tests have it. Without either, what needs one is skipped, by
name.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kube.schemas import ROOT, definitions
from tests.ports import free_port
from tests.waiting import eventually

BASE = ROOT / "deploy" / "kubernetes" / "base"
NOTHING = (
    "no Kubernetes here: set LOCO_TEST_KUBECONFIG to a cluster's, or KUBEBUILDER_ASSETS to etcd and kube-apiserver"
)
TOKEN = "an-administrator-of-tests"
SERVER = "system:serviceaccount:loco-system:loco-server"


@dataclass(frozen=True)
class Kube:
    kubeconfig: Path
    kubectl: str
    whole: bool
    """With controllers, a scheduler and nodes that run pods."""

    def run(self, *argv: str, given: str | None = None, check: bool = True) -> str:
        """Run kubectl as the administrator; give what it said on both streams."""
        done = subprocess.run(
            [self.kubectl, "--kubeconfig", str(self.kubeconfig), *argv],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(argv)}: {done.stdout}")
        return done.stdout

    def json(self, *argv: str) -> Any:
        return json.loads(self.run(*argv, "-o", "json"))

    def as_server(self, folder: Path) -> Path:
        """Give a kubeconfig with a token of the server's own account."""
        found = yaml.safe_load(self.kubeconfig.read_text())
        token = self.run("create", "token", "loco-server", "-n", "loco-system", "--duration", "2h").strip()
        found["users"] = [{"name": "server", "user": {"token": token}}]
        found["contexts"] = [{"name": "server", "context": {"cluster": found["clusters"][0]["name"], "user": "server"}}]
        found["current-context"] = "server"
        path = folder / "server.kubeconfig"
        path.write_text(yaml.safe_dump(found))
        return path


@contextmanager
def kubernetes(folder: Path) -> Iterator[Kube]:
    """Give what there is, with the Gateway API's definitions and loco's account, role and policies in it."""
    assets, whole = os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("LOCO_TEST_KUBECONFIG")
    if whole:
        found = Kube(Path(whole), f"{assets}/kubectl" if assets else "kubectl", whole=True)
        _install(found)
        yield found
    elif assets:
        with _control_plane(Path(assets), folder) as found:
            _install(found)
            yield found
    else:
        pytest.skip(NOTHING)


def _install(kube: Kube) -> None:
    kube.run("apply", "--server-side", "--force-conflicts", "-f", str(definitions()))
    kube.run("create", "-f", str(BASE / "namespace.yaml"), check=False)
    kube.run("create", "-f", str(BASE / "config.yaml"), check=False)  # an installation's own stays as it is
    for name in ("namespace", "cluster-role", "fence", "hosts"):
        kube.run("apply", "--server-side", "--force-conflicts", "-f", str(BASE / f"{name}.yaml"))
    probe = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"x"}}'

    def enforced() -> bool:
        argv = (
            "--as",
            SERVER,
            "--as-group",
            "system:masters",
            "create",
            "-n",
            "default",
            "--dry-run=server",
            "-f",
            "-",
        )
        return "loco-fence" in kube.run(*argv, given=probe, check=False)

    eventually(enforced, within=30)  # a policy is compiled a moment after it was made


@contextmanager
def _control_plane(assets: Path, folder: Path) -> Iterator[Kube]:
    etcd, peer, secure = free_port(), free_port(), free_port()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')
    url = f"http://127.0.0.1:{etcd}"
    commands = (
        [
            assets / "etcd",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        ],
        [
            assets / "kube-apiserver",
            f"--etcd-servers={url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            # No controllers make the default account here, so what wants it is not waited for.
            "--disable-admission-plugins=ServiceAccount",
        ],
    )
    kubeconfig = folder / "admin.kubeconfig"
    cluster = {"server": f"https://127.0.0.1:{secure}", "insecure-skip-tls-verify": True}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "tests", "cluster": cluster}],
                "users": [{"name": "admin", "user": {"token": TOKEN}}],
                "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
                "current-context": "tests",
            }
        )
    )
    found = Kube(kubeconfig, str(assets / "kubectl"), whole=False)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            argv = [str(each) for each in command]
            with (folder / f"{Path(argv[0]).name}.log").open("wb") as log:
                running.append(subprocess.Popen(argv, stdout=log, stderr=log))
        eventually(lambda: found.run("get", "--raw", "/readyz", check=False) == "ok", within=60)
        yield found
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=30)
