"""What an installed package takes for shipped is what deploy/kubernetes ships."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from loco_server.check.cluster import shipped

BASE = Path(__file__).resolve().parents[4] / "deploy" / "kubernetes" / "base"


def manifests() -> list[Mapping[str, Any]]:
    texts = [(BASE / f"{name}.yaml").read_text() for name in ("cluster-role", "fence", "hosts")]
    return [each for text in texts for each in yaml.safe_load_all(text)]


def test_the_package_has_the_policies_and_rights_of_the_manifests(request: pytest.FixtureRequest) -> None:
    text = shipped.text(shipped.from_manifests(manifests()))
    if request.config.getoption("--rewrite-golden"):
        shipped.FILE.write_text(text)
    assert shipped.FILE.read_text() == text, "stale: run this test with --rewrite-golden"


def test_every_policy_has_its_binding() -> None:
    found = set(shipped.shipped().policies)
    names = {name.partition("/")[2] for name in found}
    assert names == {"loco-fence", "loco-fence-cluster", "loco-fence-routes", "loco-hosts", "loco-allotment"}
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    assert found == {f"{kind}/{name}" for kind in kinds for name in names}


def test_the_role_reads_no_secret() -> None:
    rules = [rule for rule in shipped.shipped().rules if "secrets" in rule["resources"]]
    assert rules
    assert not {"get", "list", "watch", "patch", "*"}.intersection(*(rule["verbs"] for rule in rules))
