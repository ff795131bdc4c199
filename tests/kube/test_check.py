"""`loco-server admin check` of a real cluster: by its administrator, by the server itself, and with parts missing.

What is taken away is put back, and only where no other tests use the cluster.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from loco_server.check.cluster.asking import ADMINISTRATOR
from loco_server.check.cluster.workloads import wanted
from tests.kube.cluster import BASE, Kube

PROGRAM = Path(sys.executable).parent / "loco-server"
DOMAIN = "loco-check.invalid"
HIDDEN = "hunter2-of-a-secret"
CLASS = "loco-check"


def run(kubeconfig: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "admin", "check", "--kubeconfig", str(kubeconfig), *argv],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "COLUMNS": "80"},
    )


def checked(kubeconfig: Path) -> dict[str, Any]:
    found = run(kubeconfig, "--json")
    assert found.stderr == ""
    findings = {each["name"]: each for each in json.loads(found.stdout)["findings"]}
    assert found.returncode == int(any(each["state"] == "missing" for each in findings.values()))
    return findings


@pytest.fixture
def own_kube(kube: Kube) -> Kube:
    if kube.whole:
        pytest.skip("takes parts of the installation away: only on an API server of its own (KUBEBUILDER_ASSETS)")
    return kube


def test_the_administrator_sees_fence_rights_and_pod_security_as_shipped(kube: Kube) -> None:
    found = checked(kube.kubeconfig)
    for name in ("kubernetes", "policies", "permissions", "secrets-unread", "pod-security"):
        assert found[name]["state"] == "ok", found[name]
    assert found["permissions"]["said"] == "the server may do all 64 things that its role gives"
    assert found["gateway-api"]["state"] in {"ok", "warning"}, found["gateway-api"]
    assert not [each for each in found.values() if "stumbled" in each["said"] or "no answer" in each["said"]]


def test_the_servers_own_account_sees_its_rights_and_says_who_sees_the_rest(
    kube: Kube, server_kubeconfig: Path
) -> None:
    found = checked(server_kubeconfig)
    for name in ("kubernetes", "permissions", "secrets-unread"):
        assert found[name]["state"] == "ok", found[name]
    unseen = ("gateway-api", "policies", "pod-security", "own-networks", "secrets", "storage", "gateway", "listeners")
    for name in ("settings", *unseen):
        assert (found[name]["state"], found[name]["fix"]) == ("unknown", ADMINISTRATOR), found[name]
    assert found["network-policy"]["state"] == "unknown"
    assert found["migration"]["state"] in {"ok", "missing"}  # a Job and a Deployment it may see


def test_people_get_lines_of_a_terminal_and_no_traceback(kube: Kube) -> None:
    found = run(kube.kubeconfig)
    assert found.stderr == ""
    long = [line for line in found.stdout.splitlines() if len(line) > 80]
    assert long == []
    assert found.stdout.splitlines()[-1].startswith("19 checks: ")


def manifest(name: str, kind: str) -> dict[str, Any]:
    found = yaml.safe_load_all((BASE / f"{name}.yaml").read_text())
    return next(dict(each) for each in found if each["kind"] == kind)


@contextmanager
def changed(kube: Kube, file: str, kind: str, change: Any) -> Iterator[None]:
    """For a while the cluster has the object as `change` makes it (None: not at all)."""
    shipped = manifest(file, kind)
    other = change(json.loads(json.dumps(shipped)))
    try:
        if other is None:
            kube.run("delete", kind, shipped["metadata"]["name"])
        else:
            kube.run("replace", "-f", "-", given=json.dumps(other))
        yield
    finally:  # not applied: that would add to lists, and take nothing out of them
        kube.run("create" if other is None else "replace", "-f", "-", given=json.dumps(shipped))


def test_a_verb_that_lacks_is_named(own_kube: Kube) -> None:
    def without_delete(role: dict[str, Any]) -> dict[str, Any]:
        for rule in role["rules"]:
            rule["verbs"] = [verb for verb in rule["verbs"] if (verb, rule["resources"]) != ("delete", ["jobs"])]
        return role

    with changed(own_kube, "cluster-role", "ClusterRole", without_delete):
        found = checked(own_kube.kubeconfig)["permissions"]
    assert (found["state"], found["said"]) == ("missing", "the server may not: delete jobs.batch")
    assert checked(own_kube.kubeconfig)["permissions"]["state"] == "ok"


def test_a_way_to_read_secrets_is_found(own_kube: Kube) -> None:
    own_kube.run("create", "role", "check-reads", "-n", "loco-system", "--verb=get", "--resource=secrets")
    binding = ("rolebinding", "check-reads", "-n", "loco-system")
    own_kube.run("create", *binding, "--role=check-reads", "--serviceaccount=loco-system:loco-server")
    try:
        found = checked(own_kube.kubeconfig)["secrets-unread"]
    finally:
        own_kube.run("delete", *binding)
        own_kube.run("delete", "role", "check-reads", "-n", "loco-system")
    assert found["state"] == "missing"
    assert "may get secrets in loco-system" in found["said"]


def test_a_fence_that_is_not_there_or_weaker_is_found(own_kube: Kube) -> None:
    binding = "ValidatingAdmissionPolicyBinding"
    with changed(own_kube, "fence", binding, lambda _: None):
        found = checked(own_kube.kubeconfig)["policies"]
        assert (found["state"], f"not there: {binding}/loco-fence;" in found["said"]) == ("missing", True)

    def audits(policy: dict[str, Any]) -> dict[str, Any]:
        policy["spec"]["validationActions"] = ["Audit"]
        return policy

    with changed(own_kube, "fence", binding, audits):
        found = checked(own_kube.kubeconfig)["policies"]
        assert f"{binding}/loco-fence (spec.validationActions[0])" in found["said"]
    assert checked(own_kube.kubeconfig)["policies"]["state"] == "ok"


def test_a_namespace_that_is_not_restricted_is_found(own_kube: Kube) -> None:
    def lax(space: dict[str, Any]) -> dict[str, Any]:
        space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"
        return space

    with changed(own_kube, "namespace", "Namespace", lax):
        found = checked(own_kube.kubeconfig)["pod-security"]
    assert (found["state"], "does not enforce" in found["said"]) == ("missing", True)


@pytest.fixture
def installed(own_kube: Kube) -> Iterator[Kube]:
    """What deploy/kubernetes installs, as controllers would have it when all is well."""
    kube, system = own_kube, ("-n", "loco-system")
    config, gateway = manifest("config", "ConfigMap"), manifest("gateway", "Gateway")
    config["data"] |= {"LOCO_DOMAIN": DOMAIN, "LOCO_REGISTRY_HOST": f"registry.{DOMAIN}", "LOCO_GITHUB_CLIENT_ID": "x"}
    gateway = json.loads(json.dumps(gateway).replace("apps.example.com", DOMAIN))
    gateway["spec"]["gatewayClassName"] = CLASS
    group = "gateway.networking.k8s.io/v1"
    of_class = {"apiVersion": group, "kind": "GatewayClass", "metadata": {"name": CLASS}}
    of_class["spec"] = {"controllerName": "example.com/none"}
    claim = manifest("registry", "PersistentVolumeClaim")
    workloads = [manifest(name, "Deployment") for name in ("server", "registry")] + [manifest("migrate", "Job")]
    value = base64.b64encode(HIDDEN.encode()).decode()
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "loco-system"},
            "data": dict.fromkeys(parts, value),
        }
        for name, parts in wanted(own_registry=True).items()
    ]
    objects = [config, of_class, gateway, claim, *workloads, *secrets]
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "cilium", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "a", "image": "loco.invalid/a"}]},
            },
        },
    }
    listeners = [
        {
            "name": each["name"],
            "attachedRoutes": 0,
            "supportedKinds": [],
            "conditions": _conditions(Programmed="True", ResolvedRefs="True", Accepted="True"),
        }
        for each in gateway["spec"]["listeners"]
    ]
    statuses: list[tuple[str, str, dict[str, Any]]] = [
        ("gatewayclass", CLASS, {"conditions": _conditions(Accepted="True")}),
        (
            "gateway",
            "loco",
            {"conditions": _conditions(Accepted="True", Programmed="True"), "listeners": listeners},
        ),
        ("pvc", "loco-registry", {"phase": "Bound", "capacity": {"storage": "50Gi"}}),
        ("deployment", "loco-server", {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}),
        ("deployment", "loco-registry", {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}),
    ]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, daemon_set]})
    try:
        kube.run("delete", "configmap", "loco-server", *system, "--ignore-not-found")  # the shipped one is there
        kube.run("create", "-f", "-", given=given)
        for kind, name, status in statuses:
            kube.run("patch", kind, name, *system, "--subresource=status", "--type=merge", "-p", _patch(status))
        kube.run("patch", "job", "loco-migrate", *system, "--subresource=status", "--type=merge", "-p", _patch(_DONE))
        yield kube
    finally:
        kube.run("delete", "--wait=false", "--ignore-not-found", "-f", "-", given=given)
        kube.run("patch", "pvc", "loco-registry", *system, "-p", '{"metadata":{"finalizers":null}}', check=False)
        kube.run("create", "-f", str(BASE / "config.yaml"))


_AT = "2026-01-01T00:00:00Z"
_DONE: dict[str, Any] = {
    "startTime": _AT,
    "completionTime": _AT,
    "succeeded": 1,
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": _AT} for kind in ("SuccessCriteriaMet", "Complete")
    ],
}


def _patch(status: dict[str, Any]) -> str:
    return json.dumps({"status": status})


def _conditions(**states: str) -> list[dict[str, Any]]:
    return [
        {"type": kind, "status": state, "reason": "Because", "message": "so", "lastTransitionTime": _AT}
        for kind, state in states.items()
    ]


def test_a_whole_installation_lacks_nothing_but_its_names(installed: Kube) -> None:
    found = checked(installed.kubeconfig)
    states = {name: each["state"] for name, each in found.items()}
    assert {name for name, state in states.items() if state == "missing"} == {"api-host", "registry-host"}, found
    assert states["metrics"] == "warning"
    assert {name for name, state in states.items() if state == "unknown"} == set(), found
    assert f"api.{DOMAIN} is not found in the DNS" in found["api-host"]["said"]
    assert found["network-policy"]["said"] == "Cilium enforces NetworkPolicies"
    assert found["storage"]["said"] == "the registry's volume is bound, 50Gi"


def test_no_value_of_a_secret_is_told(installed: Kube) -> None:
    hidden = (HIDDEN, base64.b64encode(HIDDEN.encode()).decode())
    patch = json.dumps({"data": {"url": None, "another": hidden[1]}})
    installed.run("patch", "secret", "loco-database", "-n", "loco-system", "--type=merge", "-p", patch)
    for argv in ((), ("--json",)):
        said = run(installed.kubeconfig, *argv)
        assert "loco-database has no url" in said.stdout
        assert not [each for each in hidden if each in said.stdout + said.stderr]


def test_what_breaks_an_installation_is_found(installed: Kube) -> None:
    system = ("-n", "loco-system", "--subresource=status", "--type=merge", "-p")
    failed = _conditions(Programmed="True", ResolvedRefs="False")
    status = {"listeners": [{"name": "api", "attachedRoutes": 0, "supportedKinds": [], "conditions": failed}]}
    installed.run("patch", "gateway", "loco", *system, _patch(status))
    installed.run("patch", "deployment", "loco-server", *system, _patch({"availableReplicas": 0, "readyReplicas": 0}))
    installed.run("delete", "job", "loco-migrate", "-n", "loco-system", "--wait=false")
    found = checked(installed.kubeconfig)
    assert "api: its certificate, or what it refers to, is not there" in found["listeners"]["said"]
    assert "none of 1 loco-server is available" in found["server"]["said"]
    assert "loco-migrate is not there" in found["migration"]["said"]
    lacking = {name for name, each in found.items() if each["state"] == "missing"}
    assert lacking == {"listeners", "server", "migration", "api-host", "registry-host"}
