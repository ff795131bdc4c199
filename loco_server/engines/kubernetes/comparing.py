"""Two manifests against one another: what is not yet so, and what holds the old and the new alike. Pure."""

import copy
from collections.abc import Mapping
from typing import Any

from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.quantities import quantity

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
