import copy
from typing import Any

import pytest

from loco_server.check.cluster.gateways import Gateway, judge, listeners

HOSTS = {"api": "api.a.example", "registry": "registry.a.example", "apps": "*.a.example"}


def conditions(**states: str) -> list[dict[str, str]]:
    return [{"type": name, "status": state, "reason": "Because", "message": "so"} for name, state in states.items()]


def gateway() -> Gateway:
    """One with which all is well."""
    return Gateway(
        "loco-system",
        "loco",
        {
            "spec": {
                "gatewayClassName": "loco",
                "listeners": [{"name": "http"}, *({"name": name, "hostname": host} for name, host in HOSTS.items())],
            },
            "status": {
                "addresses": [{"value": "192.0.2.7"}],
                "conditions": conditions(Accepted="True", Programmed="True"),
                "listeners": [
                    {"name": name, "conditions": conditions(ResolvedRefs="True", Programmed="True")}
                    for name in ("http", *HOSTS)
                ],
            },
        },
        {"spec": {"controllerName": "example.com/it"}, "status": {"conditions": conditions(Accepted="True")}},
    )


def changed(**parts: Any) -> Gateway:
    found = copy.deepcopy(gateway())
    return Gateway("loco-system", "loco", parts.get("object", found.object), parts.get("of_class", found.of_class))


def with_status(**parts: Any) -> Gateway:
    found = copy.deepcopy(gateway())
    assert found.object is not None
    found.object["status"] |= parts
    return found


def test_a_programmed_gateway_is_told_with_its_address() -> None:
    found = judge(gateway())
    assert (found.state, found.said) == ("ok", "loco-system/loco by example.com/it, at 192.0.2.7")
    assert listeners(gateway(), "a.example").state == "ok"


@pytest.mark.parametrize(
    ("gateway", "said", "fix"),
    [
        (changed(object=None), "there is no Gateway loco-system/loco", "kubectl apply -k"),
        (changed(of_class=None), "of the class loco, which is not there", "Envoy Gateway"),
        (
            changed(of_class={"spec": {"controllerName": "example.com/it"}}),
            "no controller takes the class loco (nobody has said so yet)",
            "example.com/it",
        ),
        (
            changed(of_class={"spec": {}, "status": {"conditions": conditions(Accepted="False")}}),
            "no controller takes the class loco (Because: so)",
            "install",
        ),
        (
            with_status(conditions=conditions(Accepted="True", Programmed="False")),
            "loco-system/loco is not programmed (Because: so)",
            "kubectl describe gateway loco -n loco-system",
        ),
        (with_status(conditions=[]), "is not accepted (nobody", "kubectl describe gateway"),
    ],
)
def test_what_keeps_a_gateway_from_working_is_named(gateway: Gateway, said: str, fix: str) -> None:
    found = judge(gateway)
    assert found.state == "missing"
    assert said in found.said
    assert fix in found.fix


def listening(**states: str) -> Gateway:
    told = [{"name": "api", "conditions": conditions(**({"ResolvedRefs": "True", "Programmed": "True"} | states))}]
    return with_status(listeners=told)


@pytest.mark.parametrize(
    ("gateway", "domain", "state", "said"),
    [
        (gateway(), "", "ok", "http, api, registry, apps"),
        (gateway(), "b.example", "missing", "nothing listens for api.b.example, registry.b.example, *.b.example"),
        (listening(ResolvedRefs="False"), "a.example", "missing", "api: its certificate, or what it refers to"),
        (listening(Programmed="False"), "a.example", "missing", "api: it does not listen (Because: so)"),
        (with_status(listeners=[]), "a.example", "unknown", "nobody has said"),
        (changed(object=None), "a.example", "missing", "no Gateway to listen"),
    ],
)
def test_listeners_are_there_for_every_name_and_have_certificates(
    gateway: Gateway, domain: str, state: str, said: str
) -> None:
    found = listeners(gateway, domain)
    assert (found.state, said in found.said) == (state, True), found
    assert ("loco-tls" in found.fix) is ("certificate" in found.said)
