"""Strict validation of manifests: the schemas of Kubernetes 1.33 to 1.37, and the Gateway API's own definitions."""

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
ROOT = Path(__file__).resolve().parents[2]


def definitions() -> Path:
    """Where the custom resource definitions of the Gateway API (v1, standard channel) lie."""
    named = os.environ.get("LOCO_GATEWAY_API_DEFINITIONS")
    found = Path(named) if named else ROOT.parent / "shared" / "gateway-api"
    if not found.is_dir():
        pytest.skip("no definitions of the Gateway API here: set LOCO_GATEWAY_API_DEFINITIONS to their folder")
    return found


def validate(manifest: Mapping[str, Any]) -> None:
    """Raise for a field that is unknown, missing or of another type."""
    if manifest["apiVersion"].startswith("gateway.networking.k8s.io/"):
        _gateway(manifest)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(dict(manifest), version, strict=True)


def _gateway(manifest: Mapping[str, Any]) -> None:
    group, _, version = manifest["apiVersion"].partition("/")
    plural = {"GatewayClass": "gatewayclasses"}.get(manifest["kind"], manifest["kind"].lower() + "s")
    definition = yaml.safe_load((definitions() / f"{group}_{plural}.yaml").read_text())
    schema = next(each for each in definition["spec"]["versions"] if each["name"] == version)
    strict = _strict(copy.deepcopy(schema["schema"]["openAPIV3Schema"]))
    strict["properties"]["metadata"] = {"type": "object"}
    jsonschema.Draft202012Validator(strict).validate(dict(manifest))


def _strict(schema: Any) -> Any:
    """What a structural schema does not name is unknown to the API: it says so, or drops it."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if "properties" in found and isinstance(found["properties"], dict) and "type" in found:
        found.setdefault("additionalProperties", False)
    return found
