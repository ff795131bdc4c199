import json
from pathlib import Path
from typing import Any

from loco_server.edge import config
from loco_server.edge.base import EdgeApp, EdgeCluster, EdgeRoute

LAYOUT = config.Layout("127.0.0.1", 7080, 7050, Path("/d/a"), Path("/d/s"), Path("/d/r"), Path("/d/watched"))


def hosts(*apps: EdgeApp) -> dict[str, Any]:
    (found,) = config.routes(apps, "1")["resources"]
    return {host["name"]: host for host in found["virtual_hosts"]}


def app(app_id: str, *routes: EdgeRoute) -> EdgeApp:
    return EdgeApp(app_id, (), routes)


def test_apps_with_one_host_share_a_virtual_host_the_longest_path_first() -> None:
    found = hosts(
        app("ui", EdgeRoute("shop.localhost", "/", False, "ui-v1-http")),
        app(
            "api",
            EdgeRoute("SHOP.localhost", "/api", False, "api-v1-http"),
            EdgeRoute("shop.localhost", "/api/v2", True, "api-v1-v2"),
        ),
    )
    assert set(found) == {"shop.localhost", "*"}
    routes = found["shop.localhost"]["routes"]
    assert [route["match"] for route in routes] == [
        {"path_separated_prefix": "/api/v2"},
        {"path_separated_prefix": "/api"},
        {"prefix": "/"},
    ]
    assert ["regex_rewrite" in route["route"] for route in routes] == [True, False, False]


def test_stripping_the_whole_path_changes_nothing() -> None:
    found = hosts(app("a", EdgeRoute("a.localhost", "/", True, "a-v1-http")))
    assert "regex_rewrite" not in found["a.localhost"]["routes"][0]["route"]


def test_no_route_has_a_timeout_and_only_what_never_arrived_is_sent_again() -> None:
    action = hosts(app("a", EdgeRoute("a.localhost", "/", False, "a-v1-http")))["a.localhost"]["routes"][0]["route"]
    assert (action["timeout"], action["idle_timeout"]) == ("0s", "3600s")
    assert action["retry_policy"]["retry_on"] == "connect-failure,refused-stream,reset-before-request"


def test_protocols_decide_how_instances_are_spoken_to() -> None:
    kinds: tuple[Any, ...] = ("http", "h2c", "grpc")
    clusters = tuple(EdgeCluster(f"a-v1-{kind}", kind, (("10.0.0.2", 80), ("10.0.0.3", 80))) for kind in kinds)
    found = config.clusters([EdgeApp("a", clusters, ())], "7")
    assert found["version_info"] == "7"
    spoken = [
        next(iter(item["typed_extension_protocol_options"].values()))["explicit_http_config"].popitem()[0]
        for item in found["resources"]
    ]
    assert spoken == ["http_protocol_options", "http2_protocol_options", "http2_protocol_options"]
    assert len(found["resources"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2


def test_both_listeners_tidy_paths_trust_nobody_and_share_no_port() -> None:
    listeners = config.bootstrap(LAYOUT)["static_resources"]["listeners"]
    assert [item["address"]["socket_address"]["port_value"] for item in listeners] == [7080, 7050]
    # %2F may mean something to an app; to the registry it could only be a way around the decision.
    for listener, escaped in zip(listeners, ("KEEP_UNCHANGED", "REJECT_REQUEST"), strict=True):
        assert listener["enable_reuse_port"] is False
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        assert manager["normalize_path"]
        assert manager["merge_slashes"]
        assert manager["path_with_escaped_slashes_action"] == escaped
        assert (manager["use_remote_address"], manager["xff_num_trusted_hops"]) == (True, 0)


def test_the_registry_is_behind_the_authorisation_which_fails_closed_and_buffers_no_body() -> None:
    manager = config.bootstrap(LAYOUT)["static_resources"]["listeners"][1]["filter_chains"][0]["filters"][0]
    first, last = manager["typed_config"]["http_filters"]
    assert first["typed_config"]["failure_mode_allow"] is False
    assert first["typed_config"]["status_on_error"] == {"code": "ServiceUnavailable"}
    assert "with_request_body" not in first["typed_config"]
    assert last["name"] == "router"
    assert "typed_per_filter_config" not in json.dumps(manager)


def test_admin_and_upstreams_are_sockets_of_the_data_folder() -> None:
    found = config.bootstrap(LAYOUT)
    assert found["admin"]["address"]["pipe"] == {"path": "/d/a", "mode": 0o600}
    addresses = [
        item["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for item in found["static_resources"]["clusters"]
    ]
    assert addresses == [{"pipe": {"path": "/d/s"}}, {"pipe": {"path": "/d/r"}}]
