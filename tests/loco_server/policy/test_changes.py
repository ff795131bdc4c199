from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_server.policy import changes as policy
from loco_server.policy import hosts
from loco_server.policy.changes import HIDDEN, Pin, State, changes
from loco_spec.changes import Change
from loco_spec.kinds.service import Service
from tests.loco_server.policy.test_rollback import ONE

DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
Found = list[tuple[str, str | None, str | None]]


def state(spec: dict[str, Any] | None = None, digest: str | None = DIGEST, **variables: Pin) -> State:
    found = Service.model_validate({"name": "shop", **(spec or {})})
    return State(found, hosts.routes(found, domain="localhost", default_host="shop"), digest, variables)


def told(before: State | None, after: State) -> Found:
    return [(change.field, change.before, change.after) for change in changes(before, after)]


def of_specs(before: dict[str, Any], after: dict[str, Any]) -> Found:
    return told(state(before), state(after))


def test_where_nothing_differs_there_is_no_change() -> None:
    spec = {"port": 5000, "env": {"A": "1", "B": "2"}, "routes": [{"path": "/api"}, {"host": "two"}], "metrics": None}
    same = {**spec, "env": {"B": "2", "A": "1"}}
    assert told(state(spec, KEY=Pin(1, "0a0a0a0a")), state(same, KEY=Pin(1, "0a0a0a0a"))) == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {"scale": {"min": 2}}, [("scale.min", None, "2")]),
        ({"scale": {"min": 2}}, {"scale": {"replicas": 2}}, [("scale.min", "2", None), ("scale.replicas", None, "2")]),
        ({"env": {"A": "1", "B": ""}}, {"env": {"A": "2"}}, [("env.A", "1", "2"), ("env.B", '""', None)]),
        ({}, {"security": {"read_only": True}}, [("security.read_only", "false", "true")]),
        ({}, {"command": ["a b", "c"]}, [("command", None, '["a b", "c"]')]),
        ({}, {"metrics": {"port": 9000}}, [("metrics.port", None, "9000"), ("metrics.path", None, "/metrics")]),
        ({}, {"build": {"args": {"A": "1"}}}, [("build.args.A", None, "1")]),
        ({"env": {"A": "1\n2"}}, {"env": {"A": " 1"}}, [("env.A", '"1\\n2"', '" 1"')]),
    ],
)
def test_a_field_is_named_by_its_place_in_loco_toml(
    before: dict[str, Any], after: dict[str, Any], found: Found
) -> None:
    assert of_specs(before, after) == found


def test_fields_come_in_the_order_of_the_reference_and_variables_last() -> None:
    after = {
        "metrics": {"port": 9000},
        "env": {"A": "1"},
        "scale": {"min": 2},
        "port": 80,
        "routes": [{"path": "/a"}],
        "command": ["a"],
    }
    found = [each for each, _, _ in told(state(), state(after, OTHER, A=Pin(1, "0a0a0a0a")))]
    assert found == [
        "digest",
        "command",
        "port",
        "routes[shop.localhost/].port",
        "routes[shop.localhost/].strip_prefix",
        "routes[shop.localhost/a].port",
        "routes[shop.localhost/a].strip_prefix",
        "scale.min",
        "env.A",
        "metrics.port",
        "metrics.path",
        "variables.A",
    ]


def test_an_app_that_is_not_there_yet_is_new_in_all_that_it_has() -> None:
    found = told(None, state({"env": {"LOG_LEVEL": "info"}}, None, KEY=Pin(1, "0a0a0a0a")))
    assert {before for _, before, _ in found} == {None}
    fields = {place: after for place, _, after in found}
    assert fields["digest"] == "built anew"
    assert fields["name"] == "shop"
    assert fields["port"] == "8080"
    assert fields["routes[shop.localhost/].port"] == "http (the first)"
    assert fields["resources.memory"] == "256Mi"
    assert fields["env.LOG_LEVEL"] == "info"
    assert fields["variables.KEY"] == "0a0a0a0a"
    assert not {"team", "image", "scale.min", "build.allow"} & set(fields)


def test_ports_are_told_apart_by_their_names_and_the_one_of_the_short_form_has_none() -> None:
    two = {"ports": [{"port": 8080}, {"name": "admin", "port": 9090, "protocol": "h2c"}]}
    assert of_specs({"port": 8080}, {"port": 9090}) == [("port", "8080", "9090")]
    assert of_specs({}, two) == [
        ("ports[admin].port", None, "9090"),
        ("ports[admin].protocol", None, "h2c"),
    ]
    other = {"ports": [two["ports"][0], {"name": "admin", "port": 9091, "protocol": "http"}]}
    assert of_specs(two, other) == [
        ("ports[admin].port", "9090", "9091"),
        ("ports[admin].protocol", "h2c", "http"),
    ]


def test_another_order_of_ports_or_routes_is_a_change_for_the_first_is_special() -> None:
    ports = [{"port": 8080}, {"name": "admin", "port": 9090}]
    routes = [{"path": "/", "port": "http"}, {"path": "/api", "port": "http"}]
    assert of_specs({"ports": ports, "routes": routes}, {"ports": ports[::-1], "routes": routes[::-1]}) == [
        ("ports", "http, admin", "admin, http"),
        ("routes", "shop.localhost/, shop.localhost/api", "shop.localhost/api, shop.localhost/"),
    ]


def test_routes_are_told_by_their_full_hosts() -> None:
    before = {"routes": [{"path": "/old"}, {"path": "/api"}]}
    after = {"routes": [{"path": "/api", "strip_prefix": True}, {"host": "shop.example.com"}]}
    assert of_specs(before, after) == [
        ("routes[shop.localhost/old].port", "http (the first)", None),
        ("routes[shop.localhost/old].strip_prefix", "false", None),
        ("routes[shop.localhost/api].strip_prefix", "false", "true"),
        ("routes[shop.example.com/].host", None, "shop.example.com"),
        ("routes[shop.example.com/].port", None, "http (the first)"),
        ("routes[shop.example.com/].strip_prefix", None, "false"),
    ]


def test_a_route_that_says_what_it_got_anyway_is_another_one_all_the_same() -> None:
    assert of_specs({}, {"routes": [{"host": "shop", "port": "http"}]}) == [
        ("routes[shop.localhost/].port", "http (the first)", "http"),
        ("routes[shop.localhost/].host", None, "shop"),
    ]


def test_a_default_route_follows_the_host_that_the_app_gets_and_the_first_port() -> None:
    spec = Service.model_validate({"name": "shop", "ports": [{"name": "web", "port": 8080}]})
    live = State(spec, hosts.routes(spec, domain="localhost", default_host="shop-acme"), DIGEST)
    found = told(live, state())
    assert ("routes[shop-acme.localhost/].port", "web (the first)", None) in found
    assert ("routes[shop.localhost/].port", None, "http (the first)") in found


def test_the_image_is_another_one_where_its_digest_is_or_is_not_known() -> None:
    assert told(state(), state(digest=OTHER)) == [("digest", DIGEST, OTHER)]
    assert told(state(), state(digest=None)) == [("digest", DIGEST, "built anew")]
    spec = {"image": "ghcr.io/acme/shop:1"}
    assert told(state(spec), state(spec, None)) == [("digest", DIGEST, "fetched anew")]
    assert told(state(digest=None), state()) == [("digest", None, DIGEST)]


def test_variables_are_names_and_digests() -> None:
    before = state(A=Pin(1, "0a0a0a0a"), B=Pin(2, "0b0b0b0b"), GONE=Pin(1, "0c0c0c0c"))
    after = state(A=Pin(2, "1a1a1a1a"), B=Pin(2, "0b0b0b0b"), NEW=Pin(1, "0d0d0d0d"))
    assert told(before, after) == [
        ("variables.A", "0a0a0a0a", "1a1a1a1a"),
        ("variables.GONE", "0c0c0c0c", None),
        ("variables.NEW", None, "0d0d0d0d"),
    ]


def test_a_value_that_came_back_is_told_by_its_version() -> None:
    assert told(state(A=Pin(1, "0a0a0a0a")), state(A=Pin(3, "0a0a0a0a"))) == [
        ("variables.A", "0a0a0a0a (version 1)", "0a0a0a0a (version 3)")
    ]
    assert told(state(A=Pin(1, None)), state(A=Pin(2, "0a0a0a0a"))) == [("variables.A", "purged", "0a0a0a0a")]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"env": {"API_KEY": "{}"}}, "env.API_KEY"),
        ({"env": {"OTHER": "postgres://shop:{}@db/shop"}}, "env.OTHER"),
        ({"build": {"args": {"NPM_TOKEN": "{}"}}}, "build.args.NPM_TOKEN"),
        ({"command": ["serve", "postgres://shop:{}@db/shop"]}, "command"),
        ({"command": ["sh", "-c", "PASSWORD={} serve"]}, "command"),
        ({"env": {"OPTIONS": "a=b password={}"}}, "env.OPTIONS"),
    ],
)
def test_what_looks_like_a_secret_is_told_to_differ_and_never_shown(spec: dict[str, Any], place: str) -> None:
    def filled(value: Any, secret: str) -> Any:
        if isinstance(value, dict):
            return {key: filled(item, secret) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item, secret) for item in value]
        return value.replace("{}", secret)

    found = changes(state(filled(spec, "sesame-open")), state(filled(spec, "hunter-two")))
    assert [change.field for change in found] == [place]
    assert "sesame" not in str(found)
    assert "hunter" not in str(found)


def test_a_hidden_value_says_so() -> None:
    assert of_specs({}, {"env": {"API_KEY": "sesame"}}) == [("env.API_KEY", None, HIDDEN)]


_ROUTES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "host": st.sampled_from(["shop", "two", "shop.localhost"]),
            "path": st.sampled_from(["/", "/api"]),
            "port": st.sampled_from(["http", "admin"]),
            "strip_prefix": st.booleans(),
        },
    ),
    max_size=3,
    unique_by=lambda route: (route.get("host", "shop"), route.get("path", "/")),
)
_SPECS = st.fixed_dictionaries(
    {"ports": st.permutations([{"port": 8080}, {"name": "admin", "port": 9090}]), "routes": _ROUTES},
    optional={
        "scale": st.sampled_from([{"min": 1}, {"replicas": 1}, {"min": 1, "max": 2}]),
        "env": st.dictionaries(st.sampled_from(["A", "TOKEN"]), st.sampled_from(["", "x", "(hidden)"])),
        "command": st.sampled_from([["a"], ["a", "b"], ["a b"]]),
        "build": st.sampled_from([{"allow": ["x"]}, {"args": {"A": ""}}, {"target": "a"}]),
        "metrics": st.sampled_from([{"port": 1}, {"port": 1, "path": "/"}]),
    },
)
_PINS = st.dictionaries(
    st.sampled_from(["A", "B"]), st.builds(Pin, st.integers(1, 2), st.sampled_from([None, "0a0a0a0a"]))
)
_STATES = st.builds(
    lambda spec, digest, pins: state(spec, digest, **pins), _SPECS, st.sampled_from([DIGEST, OTHER]), _PINS
)


def _versions(found: State) -> dict[str, int]:
    return {name: pin.version for name, pin in found.variables.items()}


@given(_STATES, _STATES)
def test_there_is_a_change_exactly_where_something_differs(before: State, after: State) -> None:
    same = (before.spec, before.routes, before.digest, _versions(before)) == (
        (after.spec, after.routes, after.digest, _versions(after))
    )
    found = changes(before, after)
    assert (found == ()) is same
    for change in found:
        assert (change.before, change.after) != (None, None)
        assert isinstance(change, Change)
    assert changes(None, after)


def test_a_deployment_is_compared_with_the_digests_of_its_values_and_a_purged_one_has_none() -> None:
    assert policy.state(ONE, {("KEY", 1): "0a0a0a0a"}) == State(ONE.spec, (), "sha256:1", {"KEY": Pin(1, "0a0a0a0a")})
    assert policy.state(ONE, {("KEY", 2): "0b0b0b0b"}).variables == {"KEY": Pin(1, None)}
