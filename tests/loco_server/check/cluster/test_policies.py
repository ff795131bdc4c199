import copy
from typing import Any

import pytest

from loco_server.check.cluster.policies import difference, judge
from loco_server.check.cluster.shipped import shipped

WANTED = shipped().policies
FENCE = "ValidatingAdmissionPolicy/loco-fence"
BINDING = "ValidatingAdmissionPolicyBinding/loco-fence"
HOSTS = "ValidatingAdmissionPolicy/loco-hosts"


def live() -> dict[str, Any]:
    """As an API server gives it back: with what it fills in."""
    found = copy.deepcopy({name: dict(spec) for name, spec in WANTED.items()})
    for spec in found.values():
        if "matchConstraints" in spec:
            spec["failurePolicy"] = "Fail"
            match = spec["matchConstraints"]
            match |= {"matchPolicy": "Equivalent", "objectSelector": {}}
            match.setdefault("namespaceSelector", {})
            for rule in match["resourceRules"]:
                rule.setdefault("scope", "*")
    return found


def test_policies_as_shipped_are_told_apart_from_no_default_of_the_api() -> None:
    found = judge(WANTED, live())
    assert (found.state, found.said) == ("ok", "10 policies and bindings are there, as shipped")


def test_one_that_is_not_there_is_named() -> None:
    found = judge(WANTED, live() | {BINDING: None})
    assert found.state == "missing"
    assert f"not there: {BINDING};" in found.said
    assert "fence.yaml" in found.fix


def weaker(name: str, *path: Any, to: Any) -> dict[str, Any]:
    found = live()
    place: Any = found[name]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return found


@pytest.mark.parametrize(
    ("live", "where"),
    [
        (weaker(BINDING, "validationActions", to=["Audit"]), f"{BINDING} (spec.validationActions[0])"),
        (weaker(FENCE, "failurePolicy", to="Ignore"), f"{FENCE} (spec.failurePolicy)"),
        (weaker(FENCE, "validations", 0, "expression", to="true"), f"{FENCE} (spec.validations[0].expression)"),
        (weaker(HOSTS, "validations", to=[]), f"{HOSTS} (spec.validations)"),
        (
            weaker(HOSTS, "matchConditions", to=[{"name": "never", "expression": "false"}]),
            f"{HOSTS} (spec.matchConditions)",
        ),
        (
            weaker(FENCE, "matchConstraints", "namespaceSelector", to={"matchLabels": {"a": "b"}}),
            f"{FENCE} (spec.matchConstraints.namespaceSelector.matchLabels)",
        ),
        (
            weaker(FENCE, "matchConstraints", "resourceRules", 0, "operations", to=["CREATE"]),
            f"{FENCE} (spec.matchConstraints.resourceRules[0].operations)",
        ),
        (
            weaker(BINDING, "matchResources", to={"namespaceSelector": {"matchLabels": {"a": "b"}}}),
            f"{BINDING} (spec.matchResources)",
        ),
    ],
)
def test_every_way_to_weaken_one_is_found_and_named(live: dict[str, Any], where: str) -> None:
    found = judge(WANTED, live)
    assert found.state == "missing"
    assert found.said == f"not as shipped: {where}"


def test_a_place_with_nothing_differs_from_none() -> None:
    assert difference({"policyName": "a"}, {"policyName": "a", "paramRef": {"name": "x"}}) == "spec.paramRef"
    assert difference({"policyName": "a"}, {"policyName": "a"}) is None


def test_what_the_api_fills_in_is_no_difference() -> None:
    filled = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
    assert difference({"matchConstraints": {}}, {"failurePolicy": "Fail", "matchConstraints": filled}) is None
    assert difference({"policyName": "a", "matchResources": {}}, {"policyName": "a", "matchResources": filled}) is None
