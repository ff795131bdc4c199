"""Two manifests against one another: what is not yet so, and what holds the old and the new alike. Pure."""

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.quantities import quantity, written

Object = dict[str, Any]

WIDENED = frozenset({"Namespace", "NetworkPolicy", "ResourceQuota"})
"""Kinds whose objects must allow the old and the new at once."""


def is_so(wanted: Any, found: Any) -> bool:
    """Whether the cluster's object is as the manifest says; what the manifest leaves out may be anything."""
    if found is None:
        return wanted in ({}, [], "", False, 0, None)  # the API leaves out what is empty
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(is_so(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(is_so(one, other) for one, other in zip(wanted, found, strict=True))
        )
    if wanted == found:
        return True
    return isinstance(wanted, str) and isinstance(found, str) and quantity(wanted) == quantity(found) is not None


def widened(wanted: Object, found: Object | None) -> Object:
    """Give the manifest that allows what it allows and what the cluster's object allowed before.

    While a deployment rolls, the one before still needs its ports, its quota and its hosts.
    """
    if found is None:
        return wanted
    wide = copy.deepcopy(wanted)
    if wanted["kind"] == "Namespace":
        before = (found["metadata"].get("annotations") or {}).get(names.HOSTS, "")
        hosts = {*before.split(","), *wanted["metadata"]["annotations"][names.HOSTS].split(",")} - {""}
        wide["metadata"]["annotations"][names.HOSTS] = ",".join(sorted(hosts))
    elif wanted["kind"] == "NetworkPolicy":
        for way in ("ingress", "egress"):
            more = [
                rule
                for rule in found["spec"].get(way) or []
                if not any(is_so(rule, each) for each in wide["spec"].get(way, ()))
            ]
            if more:
                wide["spec"][way] = [*wide["spec"].get(way, ()), *more]
    elif wanted["kind"] == "ResourceQuota":
        hard = wide["spec"]["hard"]
        for what, before in found["spec"]["hard"].items():
            if what in hard and (quantity(before) or 0) > (quantity(hard[what]) or 0):
                hard[what] = before
    return wide


def with_room(quota: Object, wanted: Object, found: Object | None, live: Object | None) -> Object:
    """Give the quota with room for a roll: all that is there, as large as it is, and as many of the new, and one each.

    `wanted` and `found`: the Deployment, as it is to be and as it is; `live`: the manifest that serves.
    """
    if found is None:
        return quota
    wide = copy.deepcopy(quota)
    hard = wide["spec"]["hard"]
    now = int(found["spec"].get("replicas", 1))
    most = (int(hard["pods"]) - 1) // 2
    after = max(now, int(wanted["spec"]["replicas"])) if "replicas" in wanted["spec"] else most
    old, new = (_resources(each) for each in (live or found, wanted))
    for key, amount in hard.items():
        kind, _, what = key.partition(".")
        if what not in new.get(kind, {}):
            continue
        each = [quantity(str(side.get(kind, {}).get(what, "0"))) or Decimal(0) for side in (old, new)]
        need = each[0] * (now + 1) + each[1] * (after + 1)
        if need > (quantity(amount) or 0):
            hard[key] = written(need)
    hard["pods"] = str(max(int(hard["pods"]), now + after + 2))
    return wide


def _resources(deployment: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0].get("resources") or {}
    return found


def bridged(wanted: Object, found: Object, before: Mapping[str, int], after: Mapping[str, int]) -> Object:
    """Give the Service that leads to the pods of two deployments at once, by the numbers of both.

    `before` and `after`: what number each port's name has in the pods of the one that serves, and of the next.
    """
    ports = {each["port"]: each for side in (wanted, found) for each in side["spec"].get("ports") or []}
    kept = ("name", "port", "protocol", "appProtocol")
    listed = [
        {key: port[key] for key in kept if key in port} | {"targetPort": _target(number, before, after)}
        for number, port in ports.items()
        if number in {*before.values(), *after.values()}
    ]
    return wanted | {"spec": wanted["spec"] | {"ports": listed}}


def ports_of(deployment: Object) -> dict[str, int]:
    """Give the number of each port's name in a Deployment's pods."""
    listed = deployment["spec"]["template"]["spec"]["containers"][0].get("ports") or []
    return {each["name"]: each["containerPort"] for each in listed}


def _target(number: int, before: Mapping[str, int], after: Mapping[str, int]) -> str | int:
    """A name leads each pod to its own number; a number leads where both listen on it under two names."""
    old, new = (next((name for name, n in side.items() if n == number), None) for side in (before, after))
    if old is None or old in after:
        return old or new or number
    return old if new is None else number
