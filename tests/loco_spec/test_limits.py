"""What a loco.toml may ask for at most: the most is taken, one more is a fault that says where and how much."""

from typing import Any

import pytest
from pydantic import ValidationError

from loco_spec import limits, variables
from loco_spec.kinds.service import Service
from loco_spec.runtime import Deploy

KIB = 1024
PORTS = [{"name": f"p{n}", "port": n} for n in range(1, limits.PORTS_MOST + 2)]


def routes(many: int, host: str | None = None) -> list[dict[str, Any]]:
    """So many with as many hosts, or at one."""
    return [{"host": host or f"h{n}", "path": f"/{n}"} for n in range(many)]


def read(**data: Any) -> Service:
    return Service.model_validate({"name": "shop", **data})


def refused(**data: Any) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as caught:
        read(**data)
    return {error["loc"]: error["msg"] for error in caught.value.errors()}


@pytest.mark.parametrize("drain", ["0s", "10m", "600s", "600000ms"])
def test_an_old_version_may_drain_for_ten_minutes(drain: str) -> None:
    assert read(deploy={"drain": drain}).deploy.drain == drain


@pytest.mark.parametrize("drain", ["24h", "11m", "600.001s", "25h", "soon"])
def test_an_old_version_that_drains_for_longer_is_told_the_most(drain: str) -> None:
    told = {("deploy", "drain"): 'expected a duration such as "20s", at most "10m"'}
    assert {at: told.removeprefix("Value error, ") for at, told in refused(deploy={"drain": drain}).items()} == told


def test_so_many_ports_and_no_more() -> None:
    assert len(read(ports=PORTS[:-1]).ports) == limits.PORTS_MOST
    assert refused(ports=PORTS) == {("ports",): "expected at most 32 [[ports]]; there are 33"}


def test_a_ports_name_has_no_two_hyphens_together() -> None:
    assert read(ports=[{"name": "a-b-c", "port": 1}]).ports[0].name == "a-b-c"
    for name in ("a--b", "a---b"):
        assert refused(ports=[{"name": name, "port": 1}]) == {
            ("ports", 0, "name"): 'expected no "-" beside another (RFC 6335)'
        }


def test_so_many_routes_and_no_more() -> None:
    assert len(read(routes=routes(limits.ROUTES_MOST)).routes) == limits.ROUTES_MOST
    assert refused(routes=routes(limits.ROUTES_MOST + 1)) == {
        ("routes",): "expected at most 64 [[routes]]; there are 65"
    }


@pytest.mark.parametrize("host", ["x", "shop.example.com"])
def test_so_many_routes_at_one_host_and_no_more(host: str) -> None:
    most = routes(limits.ROUTES_PER_HOST, host)
    assert len(read(routes=[*most, *routes(3)]).routes) == limits.ROUTES_PER_HOST + 3
    more = [*most, *routes(3), *({"host": host, "path": f"/more/{n}"} for n in range(3))]
    assert refused(routes=more) == {("routes", 19): "expected at most 16 [[routes]] at one host; this is one more"}


def test_a_route_without_a_host_is_one_at_the_apps_name() -> None:
    assert set(refused(routes=[*routes(limits.ROUTES_PER_HOST, "shop"), {"path": "/more"}])) == {("routes", 16)}


def test_a_path_of_a_route_has_so_many_characters_and_no_more() -> None:
    longest = "/" + "p" * (limits.ROUTE_PATH_MAX - 1)
    assert read(routes=[{"path": longest}]).routes[0].path == longest
    assert refused(routes=[{}, {"path": longest + "p"}]) == {
        ("routes", 1, "path"): "expected a path of at most 1024 characters"
    }


def test_a_name_under_env_is_as_long_as_that_of_a_variable() -> None:
    longest = "N" * limits.ENV_NAME_MAX
    assert read(env={longest: ""}).env == {longest: ""}
    assert variables.is_name(longest)
    assert refused(env={longest + "N": ""}) == {
        ("env", longest + "N"): "expected the name of an environment variable, at most 200 characters"
    }
    assert not variables.is_name(longest + "N")


def test_a_value_under_env_is_as_long_as_that_of_a_variable() -> None:
    longest = "v" * (limits.ENV_VALUE_MAX - len("KEY=") - 1)
    assert read(env={"KEY": longest}).env == {"KEY": longest}
    assert variables.fault("KEY", longest) is None
    assert refused(env={"KEY": longest + "v"}) == {
        ("env", "KEY"): "expected at most 128 KiB: put longer text into a file of the image"
    }
    assert variables.fault("KEY", longest + "v") is not None


def test_all_under_env_has_so_many_bytes_and_no_more() -> None:
    full = {f"N{n}": "\N{EURO SIGN}" * (16 * KIB) + "v" * (16 * KIB - 2) for n in range(7)}
    assert read(env=full).env == full
    assert refused(env={**full, "A": ""}) == {
        ("env",): "expected at most 448 KiB in all; this is 448.0 KiB: put longer text into a file of the image"
    }


def test_env_and_variables_leave_room_in_a_secret_for_what_loco_injects() -> None:
    assert limits.ENV_MOST + variables.TOTAL_MAX + 64 * KIB == 1 << 20


@pytest.mark.parametrize("place", [("command",), ("deploy", "release_command")])
def test_a_command_has_so_many_bytes_in_all_and_no_more(place: tuple[str, ...]) -> None:
    def data(command: list[str]) -> dict[str, Any]:
        return {"command": command} if place == ("command",) else {"deploy": {"release_command": command}}

    full = ["sh", "-c", "\N{EURO SIGN}" * (16 * KIB), "v" * (16 * KIB - len("sh-c"))]
    app = read(**data(full))
    assert tuple(full) in {app.command, app.deploy.release_command}
    assert refused(**data([*full, "vvvv" * 256])) == {
        place: "expected at most 64 KiB in all; this is 65.0 KiB: put a script into the image"
    }


def test_what_no_program_can_be_given_is_refused_where_it_stands() -> None:
    found = refused(command=["sh", "a\0"], env={"A": "\0"}, deploy={"release_command": ["\0"]})
    assert set(found) == {("command", 1), ("env", "A"), ("deploy", "release_command", 0)}
    assert all("the character NUL" in told for told in found.values())


def test_a_limit_holds_for_models_as_for_what_they_are_made_of() -> None:
    assert set(refused(deploy=Deploy(drain="24h"))) == {("deploy", "drain")}


def test_limits_and_other_faults_are_told_together() -> None:
    found = refused(scale={"cpu": 5}, prot=1, env={"N" * 201: 5}, deploy={"drain": 5, "release_command": 5}, command=5)
    assert {place[:2] for place in found} >= {("scale", "cpu"), ("prot",), ("env", "N" * 201), ("deploy", "drain")}


def test_what_was_stored_before_there_was_a_limit_can_be_read() -> None:
    old = {
        "name": "shop",
        "ports": [*PORTS, {"name": "a--b", "port": 99}],
        "routes": routes(65, "shop"),
        "env": {"N" * 300: "v" * (1 << 20)},
        "command": ["v" * (1 << 20)],
        "deploy": {"drain": "24h"},
    }
    found = Service.stored(old)
    assert (found.deploy.drain, len(found.ports), len(found.routes)) == ("24h", 34, 65)
    with pytest.raises(ValidationError):
        Service.stored({**old, "deploy": {"drain": "25h"}})
