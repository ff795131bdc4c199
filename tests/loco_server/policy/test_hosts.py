import pytest

from loco_server.policy import hosts
from loco_server.units import UnitRoute
from loco_spec.errors import ConfigError
from loco_spec.kinds.service import Service


def app(**keys: object) -> Service:
    return Service.model_validate({"name": "shop", **keys})


def test_a_label_stands_under_the_domain_and_a_domain_for_itself() -> None:
    assert hosts.full_host("shop", "localhost") == "shop.localhost"
    assert hosts.full_host("shop.example.com", "localhost") == "shop.example.com"


def test_an_app_without_routes_answers_at_the_default_host_on_its_first_port() -> None:
    assert hosts.routes(app(), domain="localhost", default_host="shop") == (
        UnitRoute(host="shop.localhost", path="/", port="http", strip_prefix=False),
    )


def test_a_route_leads_to_the_port_it_names() -> None:
    spec = app(
        ports=[{"name": "web", "port": 1}, {"name": "admin", "port": 2}],
        routes=[{"host": "x.example.com", "path": "/a", "port": "admin", "strip_prefix": True}],
    )
    assert hosts.routes(spec, domain="localhost", default_host="shop") == (
        UnitRoute(host="x.example.com", path="/a", port="admin", strip_prefix=True),
    )


def test_the_second_choice_of_a_host_has_the_team_behind_it() -> None:
    assert hosts.default_hosts("shop", "acme") == ("shop", "shop-acme")


def test_an_app_named_like_the_platform_gets_its_second_choice_at_once() -> None:
    assert hosts.default_hosts("admin", "acme") == ("admin-acme", "admin-acme")


def test_urls_carry_the_edges_port_unless_it_is_the_schemes_own() -> None:
    route = UnitRoute(host="shop.localhost", path="/api", port="http", strip_prefix=False)
    assert hosts.urls([route], edge_url="http://127.0.0.1:7080") == ("http://shop.localhost:7080/api",)
    assert hosts.urls([route], edge_url="http://127.0.0.1:80") == ("http://shop.localhost/api",)
    assert hosts.urls([route], edge_url="https://edge") == ("https://shop.localhost/api",)


@pytest.mark.parametrize(
    ("host", "reserved"),
    [
        ("api.localhost", True),
        ("adm1n.localhost", True),
        ("x.registry.localhost", True),
        ("localhost", True),
        ("shop.localhost", False),
        ("api.shop.localhost", False),
        ("api.example.com", False),
        ("apilocalhost", False),
    ],
)
def test_what_is_the_platforms_under_its_domain_is_reserved_in_full_too(host: str, reserved: bool) -> None:
    assert hosts.is_reserved(host, "localhost") is reserved


def test_every_reserved_host_of_a_spec_is_a_fault_with_its_place() -> None:
    spec = app(routes=[{"host": "api.localhost"}, {"host": "shop"}, {"host": "www.localhost", "path": "/x"}])
    found = hosts.routes(spec, domain="localhost", default_host="shop")
    with pytest.raises(ConfigError, match=r"api.localhost is reserved") as refused:
        hosts.refuse_reserved(found, domain="localhost")
    assert [fault.path for fault in refused.value.fields] == ["routes[0].host", "routes[2].host"]
    hosts.refuse_reserved(found[1:2], domain="localhost")


def test_a_label_and_the_same_host_in_full_are_one_host_with_one_limit() -> None:
    at = {"shop": range(10), "shop.localhost": range(10, 17), "else": range(16)}
    spec = app(routes=[{"host": host, "path": f"/{n}"} for host, paths in at.items() for n in paths])
    found = hosts.routes(spec, domain="localhost", default_host="shop")
    with pytest.raises(ConfigError, match=r"at most 16 \[\[routes\]\] at shop.localhost") as refused:
        hosts.refuse_crowded(found)
    assert [fault.path for fault in refused.value.fields] == ["routes[16]"]
    hosts.refuse_crowded([*found[:16], *found[17:]])
