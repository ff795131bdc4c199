"""What an operator applies: it renders, fits the published schemas, and no API server has a word against it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from loco_server.cluster.server import Listens
from loco_server.edge.parts import _FORGED as FORGED
from loco_server.edge.parts import _FORGED_WHOLE as FORGED_WHOLE
from tests.kube.cluster import Kube
from tests.kube.schemas import ROOT, definitions, validate

DEPLOY = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
OTHERS = ("gateway.envoyproxy.io/", "cert-manager.io/", "monitoring.coreos.com/")
"""Their definitions come with what they configure."""


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def written() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for folder in ("base", "components"):
        for path in sorted((DEPLOY / folder).rglob("*.yaml")):
            if path.name != "kustomization.yaml":
                yield from ((str(path.relative_to(DEPLOY)), each) for each in documents(path.read_text()))


def rendered(overlay: str, deploy: Path = DEPLOY) -> list[dict[str, Any]]:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    kubectl = f"{assets}/kubectl" if assets else shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here, which renders overlays: set KUBEBUILDER_ASSETS, or put it on the path")
    argv = [kubectl, "kustomize", str(deploy / "overlays" / overlay)]
    return documents(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def ours(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in manifests if not each["apiVersion"].startswith(OTHERS)]


def kinds(manifests: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in manifests:
        found.setdefault(each["kind"], []).append(each)
    return found


@pytest.mark.parametrize(
    ("name", "manifest"), list(written()), ids=lambda each: each if isinstance(each, str) else each["kind"]
)
def test_every_manifest_fits_the_schemas_of_its_versions(name: str, manifest: dict[str, Any]) -> None:
    del name
    if not manifest["apiVersion"].startswith(OTHERS):
        validate(manifest)
    assert manifest["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_renders_and_fits_the_schemas(overlay: str) -> None:
    manifests = rendered(overlay)
    for manifest in ours(manifests):
        validate(manifest)
    found = kinds(manifests)
    for each in (*found["Deployment"], *found["Job"]):
        pod = each["spec"]["template"]["spec"]
        for container in pod["containers"]:
            assert ":" in container["image"], "with a version"
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert pod["securityContext"]["runAsNonRoot"]
    assert {"SecurityPolicy", "ClientTrafficPolicy"} <= set(found)


def test_the_ha_overlay_runs_three_servers_that_are_not_ended_together() -> None:
    found = kinds(rendered("ha"))
    (server,) = (each for each in found["Deployment"] if each["metadata"]["name"] == "loco-server")
    assert server["spec"]["replicas"] == 3
    assert server["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert [each["spec"]["maxUnavailable"] for each in found["PodDisruptionBudget"]] == [1]
    assert {"Certificate", "Issuer", "PodMonitor"} <= set(found)


def test_what_an_app_says_of_itself_is_taken_in_measure() -> None:
    """Its owner's metrics fill nobody's Prometheus, and send it nowhere else."""
    found = kinds(rendered("ha"))
    (monitor,) = found["PodMonitor"]
    assert all(monitor["spec"][limit] > 0 for limit in ("sampleLimit", "labelLimit", "labelValueLengthLimit"))
    assert monitor["spec"]["bodySizeLimit"] == "10MB"
    assert [each["followRedirects"] for each in monitor["spec"]["podMetricsEndpoints"]] == [False]


def test_the_servers_metrics_are_found_where_they_are_served_and_by_monitoring_alone() -> None:
    found = kinds(rendered("ha"))
    (monitor,) = found["ServiceMonitor"]
    selector = monitor["spec"]["selector"]["matchLabels"]
    (service,) = (each for each in found["Service"] if selector.items() <= each["metadata"].get("labels", {}).items())
    (server,) = (each for each in found["Deployment"] if each["metadata"]["name"] == "loco-server")
    (container,) = server["spec"]["template"]["spec"]["containers"]
    listens = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert listens["metrics"] == Listens.metrics
    assert {each["path"] for each in monitor["spec"]["endpoints"]} == {"/metrics", "/metrics/apps"}
    named = {each["name"]: each["targetPort"] for each in service["spec"]["ports"]}
    assert {named[each["port"]] for each in monitor["spec"]["endpoints"]} == {"metrics"}
    (policy,) = (each for each in found["NetworkPolicy"] if each["metadata"]["name"] == "loco-server")
    proxies, monitoring = policy["spec"]["ingress"]
    assert [each["port"] for each in monitoring["ports"]] == ["metrics"]
    assert "metrics" not in [each["port"] for each in proxies["ports"]]


def test_the_gateway_takes_no_forged_header_and_leaves_an_apps_slashes_alone() -> None:
    """As the edge of one machine does (loco_server/edge/parts.py)."""
    policies = {
        each["spec"]["targetRefs"][0].get("sectionName"): each["spec"]
        for each in kinds(rendered("small"))["ClientTrafficPolicy"]
    }
    assert {section: each["path"]["escapedSlashesAction"] for section, each in policies.items()} == {
        None: "KeepUnchanged",
        "registry": "RejectRequest",
    }
    for each in policies.values():
        removed = each["headers"]["earlyRequestHeaders"]
        assert removed["remove"] == list(FORGED_WHOLE)
        assert removed["removeOnMatch"] == [{"type": "Prefix", "value": prefix} for prefix in FORGED]
    assert policies[None] | {"path": 0, "targetRefs": 0} == policies["registry"] | {"path": 0, "targetRefs": 0}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_domain_is_written_once(overlay: str, tmp_path: Path) -> None:
    """In the settings of an operator's copy, and every host follows."""
    copied = tmp_path / "kubernetes"
    shutil.copytree(DEPLOY, copied)
    settings = copied / "overlays" / overlay / "settings" / "kustomization.yaml"
    settings.write_text(settings.read_text().replace("apps.example.com", "paas.acme.test"))
    manifests = rendered(overlay, copied)
    assert "apps.example.com" not in json.dumps(manifests)
    (gateway,) = kinds(manifests)["Gateway"]
    assert {each.get("hostname") for each in gateway["spec"]["listeners"]} == {
        None,
        "api.paas.acme.test",
        "registry.paas.acme.test",
        "*.paas.acme.test",
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_policies_name_the_namespaces_of_the_settings(overlay: str, tmp_path: Path) -> None:
    copied = tmp_path / "kubernetes"
    shutil.copytree(DEPLOY, copied)
    settings = copied / "overlays" / overlay / "settings" / "kustomization.yaml"
    own = "        LOCO_PROXY_NAMESPACE: our-proxies\n        LOCO_MONITORING_NAMESPACE: our-metrics\n"
    settings.write_text(settings.read_text().rstrip("\n") + f"\n{own}")
    policies = {each["metadata"]["name"]: each["spec"] for each in kinds(rendered(overlay, copied))["NetworkPolicy"]}
    named = {
        name: [
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in spec.get("ingress") or ()
            for peer in rule["from"]
            if "namespaceSelector" in peer
        ]
        for name, spec in policies.items()
    }
    assert named == {"isolated": [], "loco-server": ["our-proxies", "our-metrics"], "loco-registry": ["our-proxies"]}


def test_the_server_may_do_nothing_with_everything() -> None:
    for _, manifest in written():
        for rule in manifest.get("rules") or []:
            if manifest["kind"] in {"ClusterRole", "Role"}:
                assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"]), manifest["metadata"]


def test_base_and_gateway_api_apply_to_a_real_api_server_without_a_warning(kube: Kube) -> None:
    said = kube.run("apply", "--server-side", "--force-conflicts", "-f", str(definitions()))
    for overlay in OVERLAYS:
        manifests = ours(rendered(overlay))
        everything = {"apiVersion": "v1", "kind": "List", "items": manifests}
        argv = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "-f", "-")
        said += kube.run(*argv, given=json.dumps(everything))
    assert "warning" not in said.lower(), said
    assert "deprecated" not in said.lower(), said
    assert "deployment.apps/loco-server serverside-applied" in said
