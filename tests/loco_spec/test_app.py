"""loco.toml as a value: defaults, short forms, and faults between keys."""

from typing import Any

import pytest
from pydantic import ValidationError

from loco_spec.app import App
from loco_spec.routes import Port


def refused(**data: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        App.model_validate({"name": "shop", **data})
    return " / ".join(error["msg"] for error in caught.value.errors())


def test_a_name_alone_is_a_service_on_8080_with_one_route_of_its_name() -> None:
    app = App(name="shop")
    assert app.kind == "service"
    assert app.ports == (Port(name="http", port=8080, protocol="http"),)
    assert [(route.host, route.path) for route in app.routes] == [(None, "/")]
    assert app.routed_port(app.routes[0]) == app.ports[0]
    assert app.scale.least == 1


def test_port_is_short_for_one_http_port() -> None:
    assert App.model_validate({"name": "shop", "port": 3000}).ports == (Port(port=3000),)


def test_port_and_ports_exclude_each_other() -> None:
    assert "either port or [[ports]]" in refused(port=3000, ports=[{"port": 3000}])


@pytest.mark.parametrize("name", ["Shop", "1shop", "shop-", "sh_op", "", "a" * 41])
def test_a_name_that_is_no_slug_is_refused_with_one_that_is(name: str) -> None:
    with pytest.raises(ValidationError, match="try"):
        App(name=name)


def test_a_kind_that_is_planned_is_refused_by_name() -> None:
    assert 'kind "redis" is not there yet; today there is: service' in refused(kind="redis")


def test_an_image_excludes_a_build() -> None:
    assert "either image or [build]" in refused(image="ghcr.io/acme/shop:1", build={"target": "runtime"})
    assert App(name="shop", image="ghcr.io/acme/shop:1").image == "ghcr.io/acme/shop:1"


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([], "[[ports]] is empty"),
        ([{"port": 1}, {"port": 2}], "same name"),
        ([{"name": "a", "port": 1}, {"name": "b", "port": 1}], "same port"),
    ],
)
def test_ports_are_there_and_differ(ports: list[dict[str, Any]], words: str) -> None:
    assert words in refused(ports=ports)


def test_a_route_leads_to_a_port_that_is_there_and_not_tcp() -> None:
    ports = [{"name": "web", "port": 1}, {"name": "raw", "port": 2, "protocol": "tcp"}]
    assert 'port "nowhere", and the ports are: web, raw' in refused(ports=ports, routes=[{"port": "nowhere"}])
    assert "inside the team only" in refused(ports=ports, routes=[{"port": "raw"}])
    app = App.model_validate({"name": "shop", "ports": ports, "routes": [{"port": "web"}]})
    assert app.routed_port(app.routes[0]) == app.ports[0]


def test_two_routes_of_one_host_and_path_are_refused_also_when_the_host_is_the_default() -> None:
    assert "two routes for shop/api" in refused(routes=[{"path": "/api"}, {"host": "shop", "path": "/api"}])


@pytest.mark.parametrize("name", ["1A", "A-B", "A B", ""])
def test_an_environment_variables_name_is_checked(name: str) -> None:
    assert "not a name of an environment variable" in refused(env={name: "x"})


def test_an_unknown_key_is_refused() -> None:
    assert "Extra inputs" in refused(prot=1)
