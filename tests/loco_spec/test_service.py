"""A service as a value: defaults, short forms, and faults between keys. The screens stand in `broken/`."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from loco_spec.app import APP
from loco_spec.kinds.service import Service
from loco_spec.routes import Port, Route


def refused(**data: Any) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        Service.model_validate({"name": "shop", **data})
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


def test_a_name_alone_is_a_service_on_8080_with_one_route_of_its_name() -> None:
    app = Service(name="shop")
    assert app.kind == "service"
    assert app.ports == (Port(name="http", port=8080, protocol="http"),)
    assert [(route.host, route.path) for route in app.routes] == [(None, "/")]
    assert app.routed_port(app.routes[0]) == app.ports[0]
    assert app.scale.least == 1


def test_port_is_short_for_one_http_port() -> None:
    assert Service.model_validate({"name": "shop", "port": 3000}).ports == (Port(port=3000),)


def test_an_app_whose_first_port_is_tcp_has_no_route_of_itself() -> None:
    raw = {"name": "raw", "port": 5432, "protocol": "tcp"}
    assert Service.model_validate({"name": "shop", "ports": [raw]}).routes == ()
    both = {"name": "shop", "ports": [raw, {"port": 80}], "routes": [{"port": "http"}]}
    assert [route.port for route in Service.model_validate(both).routes] == ["http"]


def test_what_was_stored_is_read_again_with_all_its_defaults_written_out() -> None:
    for app in (Service(name="shop"), Service(name="shop", image="ghcr.io/acme/shop:1"), Service(name="s", routes=())):
        assert Service.model_validate(app.model_dump(mode="json")) == app
        assert Service.model_validate(app) == app


def test_models_are_taken_as_well_as_what_they_are_made_of() -> None:
    assert refused(ports=(Port(port=80),), routes=(Route(port="web"),)) == {
        ("routes", 0, "port"): 'no port is named "web"; there is: http'
    }


def test_faults_between_keys_do_not_hide_those_within_and_the_other_way_round() -> None:
    found = refused(
        port=0, prot=1, scale={"cpu": 5, "min": "x"}, routes=[{"path": "/a"}, {"host": "shop", "path": "/a"}]
    )
    assert set(found) == {("port",), ("prot",), ("scale", "cpu"), ("scale", "min"), ("routes", 1)}


@pytest.mark.parametrize("data", [5, "shop", None, ["shop"]])
def test_what_is_no_table_is_refused_as_that(data: Any) -> None:
    with pytest.raises(ValidationError, match="dictionary"):
        Service.model_validate(data)


@pytest.mark.parametrize(
    "data",
    [
        {"ports": "80"},
        {"ports": [80], "routes": [1]},
        {"routes": {}, "scale": 3, "health": [], "build": 1},
        {"ports": [{"name": ["x"], "port": {}}], "routes": [{"port": ["x"], "host": 5, "path": []}]},
        {"image": "x", "build": []},
    ],
)
def test_looking_between_keys_bears_every_wrong_type(data: dict[str, Any]) -> None:
    assert refused(**data)


def test_the_tag_tells_the_kinds_apart() -> None:
    assert isinstance(APP.validate_python({"name": "shop"}), Service)
    assert APP.validate_python(Service(name="shop")) == Service(name="shop")
    for kind in ("worker", "job", "site", "redis", "postgres", "bucket"):
        with pytest.raises(ValidationError, match=f'"{kind}" is not there yet; today there is: service'):
            APP.validate_python({"name": "shop", "kind": kind})


class _Like(BaseModel):
    """A model of some other make."""

    kind: str = "service"


def test_what_only_looks_like_an_app_is_refused() -> None:
    with pytest.raises(ValidationError):
        APP.validate_python(_Like())
