"""The tables of loco.toml: [build], [[ports]], [[routes]], [scale], [health]."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from loco_spec.build import Build
from loco_spec.routes import Port, Route
from loco_spec.runtime import Health, Scale


def refused(model: type[BaseModel], **data: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return " / ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize("path", ["/etc", "../up", "a/../../b", ""])
def test_build_paths_stay_inside_the_project(path: str) -> None:
    assert "inside the project" in refused(Build, context=path)
    assert "inside the project" in refused(Build, dockerfile=path)


@pytest.mark.parametrize("platform", ["amd64", "linux", "windows/amd64", "linux/"])
def test_a_platform_is_linux_and_an_architecture(platform: str) -> None:
    assert "linux/amd64" in refused(Build, platform=platform)
    assert Build(platform="linux/arm/v7").platform == "linux/arm/v7"


@pytest.mark.parametrize("name", ["Http", "1", "a" * 16, "a-"])
def test_a_port_name_has_at_most_15_characters(name: str) -> None:
    assert "at most 15" in refused(Port, name=name, port=1)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_is_a_tcp_port(port: int) -> None:
    assert refused(Port, port=port)


@pytest.mark.parametrize("host", ["Shop", "shop_", "-shop", "shop..com", "shop.localhost:80"])
def test_a_host_is_a_label_or_a_domain(host: str) -> None:
    assert "expected a label" in refused(Route, host=host)


@pytest.mark.parametrize("host", ["api", "registry", "l0co", "adm1n", "ap1"])
def test_a_reserved_host_and_its_look_alikes_are_refused(host: str) -> None:
    assert "reserved" in refused(Route, host=host)
    assert Route(host=f"{host}.example.com").host == f"{host}.example.com"


@pytest.mark.parametrize("path", ["api", "/api/", "/a//b", "/a/../b", "/.", "/a?b", "/a b"])
def test_a_route_path_is_whole_segments(path: str) -> None:
    assert "whole segments" in refused(Route, path=path)


def test_there_are_as_many_replicas_as_are_told_and_min_at_the_least() -> None:
    assert Scale(replicas=2).least == 2
    assert Scale(min=3, max=4).least == 3
    assert Scale().least == 1


@pytest.mark.parametrize(("key", "value"), [("replicas", "2"), ("replicas", 2.0), ("min", True)])
def test_a_whole_number_is_not_made_of_anything_else(key: str, value: Any) -> None:
    assert "integer" in refused(Scale, **{key: value})


@pytest.mark.parametrize("name", ["A-B", "1A", ""])
def test_a_build_arguments_name_is_that_of_a_variable(name: str) -> None:
    assert "name of a build argument" in refused(Build, args={name: "x"})


@pytest.mark.parametrize("path", ["healthz", "/a b", "/a#b", "/a\nb"])
def test_a_health_path_is_absolute_and_plain(path: str) -> None:
    assert "/healthz" in refused(Health, path=path)
