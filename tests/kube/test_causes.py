"""What the API server of a cluster refuses, in its own words, and the whole screen that becomes of them."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from loco_cli.ui import errors
from loco_server.engines.base import RolloutFailedError
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_spec.errors import Diagnosis
from loco_spec.names import new_id
from tests.contract.engines import Told, new_app, owner
from tests.golden import compared
from tests.kube.cluster import Kube
from tests.kube.samples import SMALL, rollout
from tests.loco_cli.samples import deployment
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parent / "screens"
PROBE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "probe", "labels": {"a": "b"}},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
    },
}


def policy(namespace: str, name: str) -> list[dict[str, Any]]:
    """A cluster's own rule: every Deployment names its cost centre."""
    kind, said = "ValidatingAdmissionPolicy", "every workload names its cost centre"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    only = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"namespaceSelector": only, "resourceRules": [rule]},
        "validations": [{"expression": "'cost-centre' in object.metadata.labels", "message": said}],
    }
    api = "admissionregistration.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": api,
            "kind": f"{kind}Binding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


async def refused(engine: KubernetesEngine, wanted: Any) -> Diagnosis:
    with pytest.raises(RolloutFailedError) as failed:
        await engine.roll(wanted, emit=Told(), guard=owner)
    return failed.value.diagnosis


def shown_as(request: pytest.FixtureRequest, name: str, found: Diagnosis) -> None:
    text = found.model_copy(update={"seconds": 1.0, "total": 2.0}).model_dump_json()
    text = re.sub(r"shop-[a-z0-9]{10}", "shop-aaaaaaaaaa", text)
    text = re.sub(r"cost-[a-z0-9]{10}", "cost-aaaaaaaaaa", text)
    shown = Diagnosis.model_validate_json(text)
    error = errors.never_served(deployment("failed", 12, reason=shown.message, diagnosis=shown))
    compared(request, GOLDEN / f"{name}.txt", "\n".join(errors.lines(error, 80)) + "\n")


async def test_a_policy_of_the_cluster_is_told_in_its_own_words(
    kube: Kube, engine: KubernetesEngine, request: pytest.FixtureRequest
) -> None:
    app, name = new_app(), f"cost-{new_id()}"
    await engine.prepare(app)
    space = names.namespace(app)
    for manifest in policy(space, name):
        kube.run("create", "-f", "-", given=json.dumps(manifest))
    try:
        given = json.dumps(PROBE)
        eventually(
            lambda: (
                "cost centre"
                in kube.run("create", "-n", space, "--dry-run=server", "-f", "-", given=given, check=False)
            ),
            within=60,
        )
        found = await refused(engine, rollout(SMALL, app=app))
    finally:
        for manifest in policy(space, name):
            kube.run("delete", manifest["kind"], name)
    assert found.cause == "admission-refused"
    shown_as(request, "admission-refused", found)


async def test_a_quota_of_the_namespace_is_told_with_what_it_has(
    kube: Kube, engine: KubernetesEngine, request: pytest.FixtureRequest
) -> None:
    app = new_app()
    await engine.prepare(app)
    hard = {"count/deployments.apps": "0"}
    tight = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": {"hard": hard}}
    kube.run("create", "-n", names.namespace(app), "-f", "-", given=json.dumps(tight))
    status = json.dumps({"status": {"hard": hard, "used": hard}})
    argv = ("patch", "resourcequota", "tight", "-n", names.namespace(app), "--type=merge", "--subresource=status")
    kube.run(*argv, "-p", status)  # where no controller counts
    found = await refused(engine, rollout(SMALL, app=app))
    assert found.cause == "quota-exceeded"
    shown_as(request, "quota-exceeded", found)


async def test_what_no_api_takes_is_told_before_anything_is_asked(engine: KubernetesEngine) -> None:
    app = new_app()
    await engine.prepare(app)
    endless = dataclasses.replace(SMALL, command=("sh", "-c", "x" * 300_000))
    found = await refused(engine, rollout(endless, app=app))
    assert found.cause == "engine-refused"
    assert "is too large" in found.message
