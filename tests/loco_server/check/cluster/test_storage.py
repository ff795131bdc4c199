from typing import Any

import pytest

from loco_server.check.cluster.storage import Storage, judge


def a_class(name: str, *, default: bool = False) -> dict[str, Any]:
    told = {"storageclass.kubernetes.io/is-default-class": "true"} if default else None
    return {"metadata": {"name": name, "annotations": told}}


def claim(phase: str, storage_class: str | None = None) -> dict[str, Any]:
    return {"spec": {"storageClassName": storage_class}, "status": {"phase": phase, "capacity": {"storage": "50Gi"}}}


@pytest.mark.parametrize(
    ("claim", "classes", "state", "said"),
    [
        (claim("Bound"), [], "ok", "bound, 50Gi"),
        (None, [a_class("slow"), a_class("fast", default=True)], "ok", "default class fast"),
        (None, [a_class("slow")], "missing", "no default StorageClass"),
        (claim("Pending"), [a_class("slow")], "missing", "waits: there is no default"),
        (claim("Pending", "gone"), [a_class("slow", default=True)], "missing", "StorageClass gone, which is not there"),
        (claim("Pending", "slow"), [a_class("slow")], "missing", "is pending, and not bound"),
        (claim("Lost", "slow"), [a_class("slow")], "missing", "is lost, and not bound"),
    ],
)
def test_the_registry_has_a_volume_or_would_get_one(
    claim: dict[str, Any] | None, classes: list[dict[str, Any]], state: str, said: str
) -> None:
    found = judge(Storage(claim, classes))
    assert (found.state, said in found.said) == (state, True), found
    assert bool(found.fix) is (state != "ok")
