import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from loco_server.engines.kubernetes.comparing import bridged, is_so, widened
from loco_server.engines.kubernetes.quantities import quantity
from loco_server.engines.kubernetes.render import render
from loco_server.units import UnitPort, UnitRoute
from tests.kube.samples import CLUSTER, LARGE, SMALL, rollout


@pytest.mark.parametrize(
    ("wanted", "found", "so"),
    [
        ({"a": 1}, {"a": 1, "default": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "default": 0}]}, True),
        ({"cpu": "2000m"}, {"cpu": "2"}, True),
        ({"memory": "268435456"}, {"memory": "256Mi"}, True),
        ({"memory": "268435456"}, {"memory": "256M"}, False),
        ({"name": "a"}, {"name": "b"}, False),
        ({"podSelector": {}}, {}, True),
        ({"privileged": False}, {}, True),
        ({"privileged": False}, {"privileged": True}, False),
        ({"ingress": []}, {}, True),
    ],
)
def test_what_the_manifest_says_is_compared_and_nothing_else(wanted: Any, found: Any, so: bool) -> None:
    assert is_so(wanted, found) is so


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", "0.25"), ("1", "1"), ("1k", "1000"), ("2Ki", "2048"), ("1e3", "1000"), ("5n", "5e-9"), ("-1.5", "-1.5")],
)
def test_a_quantity_is_read_as_kubernetes_does(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "web", "1.2.3", "Ki", "1Kx"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert quantity(text) is None


def test_while_it_rolls_both_hosts_ports_and_quotas_are_allowed() -> None:
    before = render(CLUSTER, rollout(LARGE, deployment=11))
    unit = dataclasses.replace(
        SMALL,
        ports=(UnitPort("web", 3000, "http"),),
        routes=(UnitRoute("new.example.com", "/", "web", strip_prefix=False),),
    )
    after = render(CLUSTER, rollout(unit))
    assert widened(after.namespace, before.namespace)["metadata"]["annotations"]["loco/hosts"] == (
        "new.example.com,rpc.example.com,shop.example.com"
    )
    wide = {
        f"{new['kind']} {new['metadata']['name']}": widened(new, old)
        for old, new in zip(before.fences, after.fences, strict=True)
    }
    ports = {port["port"] for rule in wide["NetworkPolicy ingress"]["spec"]["ingress"] for port in rule["ports"]}
    assert ports == {3000, 8080, 9000, 9001, 9090}
    hard = wide["ResourceQuota app"]["spec"]["hard"]
    assert (hard["pods"], hard["limits.memory"]) == ("13", str(13 * (256 << 20)))


def test_nothing_is_widened_by_what_is_the_same() -> None:
    manifests = render(CLUSTER, rollout(LARGE))
    for each in (manifests.namespace, *manifests.fences):
        assert widened(each, each) == each
        assert widened(each, None) == each


@pytest.mark.parametrize(
    ("before", "after", "led"),
    [
        ({"http": 8080}, {"http": 8080}, {8080: "http"}),
        ({"http": 8080}, {"web": 8080}, {8080: 8080}),
        ({"http": 8080}, {"http": 9090}, {8080: "http", 9090: "http"}),
        ({"http": 8080}, {"web": 9090}, {8080: "http", 9090: "web"}),
        ({"http": 8080, "rpc": 9000}, {"http": 8080}, {8080: "http", 9000: "rpc"}),
        ({"http": 8080, "rpc": 9000}, {"rpc": 9001, "web": 8080}, {8080: 8080, 9000: "rpc", 9001: "rpc"}),
        ({"a": 1000, "b": 1001}, {"b": 1000, "c": 1001}, {1000: 1000, 1001: "b"}),
    ],
)
def test_the_service_of_two_versions_leads_each_pod_to_where_it_listens(
    before: dict[str, int], after: dict[str, int], led: dict[int, Any]
) -> None:
    old, new = (
        {"spec": {"ports": [{"name": f"p{n}", "port": n, "targetPort": name} for name, n in side.items()]}}
        for side in (before, after)
    )
    wide = bridged(new, old, before, after)["spec"]["ports"]
    assert {port["port"]: port["targetPort"] for port in wide} == led
    assert {port["name"] for port in wide} == {f"p{n}" for n in led}
