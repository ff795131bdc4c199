"""The ValidatingAdmissionPolicies that fence the server in, and keep hosts apart: there, and as they were shipped."""

import asyncio
from collections.abc import Mapping
from typing import Any

from loco_server.check.cluster.asking import Asker
from loco_server.check.cluster.shipped import shipped
from loco_server.check.finding import Finding, missing, ok
from loco_server.engines.kubernetes.kinds import Kind

NAME = "policies"
_FIX = "kubectl apply -f deploy/kubernetes/base/fence.yaml -f deploy/kubernetes/base/hosts.yaml, of this version"
_GROUP = "admissionregistration.k8s.io/v1"
_KINDS = {
    "ValidatingAdmissionPolicy": Kind(
        "ValidatingAdmissionPolicy", _GROUP, "validatingadmissionpolicies", namespaced=False
    ),
    "ValidatingAdmissionPolicyBinding": Kind(
        "ValidatingAdmissionPolicyBinding", _GROUP, "validatingadmissionpolicybindings", namespaced=False
    ),
}


def judge(wanted: Mapping[str, Mapping[str, Any]], live: Mapping[str, Mapping[str, Any] | None]) -> Finding:
    """`live`: the same names → the spec as the cluster has it; None: it has none."""
    lacking = [name for name in wanted if live.get(name) is None]
    if lacking:
        return missing(
            NAME, f"not there: {', '.join(lacking)}; the server could write anywhere, or hosts be taken", _FIX
        )
    other = {name: where for name, spec in wanted.items() if (where := difference(spec, live[name] or {})) is not None}
    if other:
        told = ", ".join(f"{name} ({where})" for name, where in other.items())
        return missing(NAME, f"not as shipped: {told}", _FIX)
    return ok(NAME, f"{len(wanted)} policies and bindings are there, as shipped")


def difference(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> str | None:
    """Name the first place where they differ, such as `spec.validations[1].expression`; None where they do not.

    What is there and was not shipped counts too: one more condition can take a policy's effect away.
    """
    return _differs("spec", _filled(wanted), _filled(live))


def _filled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """With what the API server writes where nothing is said."""
    found = dict(spec)
    if "policyName" not in found:
        found = {"failurePolicy": "Fail"} | found
    for name in ("matchConstraints", "matchResources"):
        if name in found:
            match = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}} | found[name]
            for rules in ("resourceRules", "excludeResourceRules"):
                if rules in match:
                    match[rules] = [{"scope": "*"} | rule for rule in match[rules]]
            found[name] = match
    return found


def _differs(path: str, wanted: Any, live: Any) -> str | None:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        keys = sorted({*wanted, *live})
        return next((at for key in keys if (at := _differs(f"{path}.{key}", wanted.get(key), live.get(key)))), None)
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        pairs = enumerate(zip(wanted, live, strict=True))
        return next((at for index, (one, two) in pairs if (at := _differs(f"{path}[{index}]", one, two))), None)
    return None if wanted == live else path


async def look(asker: Asker) -> Finding:
    wanted = shipped().policies

    async def spec(name: str) -> Mapping[str, Any] | None:
        kind, _, own = name.partition("/")
        found = await asker.get(_KINDS[kind], None, own)
        return None if found is None else found.get("spec") or {}

    live = await asyncio.gather(*map(spec, wanted))
    return judge(wanted, dict(zip(wanted, live, strict=True)))
