"""What deploy/kubernetes installs, as an installed package has it: the policies, and the rights of the server.

`shipped.json` is made from the YAML files by their test (`--rewrite-golden`), which fails when it is stale.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("shipped.json")


@dataclass(frozen=True)
class Shipped:
    policies: Mapping[str, Mapping[str, Any]]
    """`ValidatingAdmissionPolicy/loco-fence` → its spec; the bindings too."""
    rules: tuple[Mapping[str, Any], ...]
    """Of the ClusterRole."""


@cache
def shipped() -> Shipped:
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return Shipped(found["policies"], tuple(found["rules"]))


def from_manifests(manifests: list[Mapping[str, Any]]) -> Shipped:
    """Take what is of interest out of the manifests of cluster-role.yaml, fence.yaml and hosts.yaml."""
    return Shipped(
        {
            f"{each['kind']}/{each['metadata']['name']}": each["spec"]
            for each in manifests
            if each["kind"].startswith("ValidatingAdmissionPolicy")
        },
        tuple(rule for each in manifests if each["kind"] == "ClusterRole" for rule in each["rules"]),
    )


def text(found: Shipped) -> str:
    """Give the text of the file."""
    return json.dumps({"policies": found.policies, "rules": found.rules}, indent=1, sort_keys=True) + "\n"
