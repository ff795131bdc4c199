import json
from dataclasses import replace
from pathlib import Path

from loco_server.edge.base import EdgeApp
from loco_server.edge.files import EnvoyEdge
from tests.loco_server.edge.real import app


def open_edge(folder: Path) -> EnvoyEdge:
    return EnvoyEdge(folder, admin_socket=folder / "nobody.sock")


def names(folder: Path) -> list[str]:
    return [item["name"] for item in json.loads((folder / "watched/clusters.json").read_text())["resources"]]


def test_a_first_start_has_files_that_envoy_can_read(tmp_path: Path) -> None:
    assert open_edge(tmp_path).published() == {}
    assert names(tmp_path) == []
    assert json.loads((tmp_path / "watched/routes.json").read_text())["resources"][0]["name"] == "apps"


def saved(folder: Path, *apps: EdgeApp) -> None:
    edge = open_edge(folder)
    edge._apps = {item.app_id: item for item in apps}
    edge._save_state()
    edge._resume()


def test_a_server_killed_between_the_steps_leaves_no_route_without_its_cluster(tmp_path: Path) -> None:
    old, new = app("a", "a.localhost", 1), app("a", "a.localhost", 2, version=2)
    saved(tmp_path, replace(new, routes=old.routes, clusters=(*old.clusters, *new.clusters)))
    saved(tmp_path, new)  # the files know both, the state the new one
    assert set(names(tmp_path)) == {"a-v1-http", "a-v2-http"}
    assert open_edge(tmp_path).published() == {"a": new}
    assert set(names(tmp_path)) == {"a-v1-http", "a-v2-http"}


def test_what_is_the_same_keeps_its_version(tmp_path: Path) -> None:
    saved(tmp_path, app("a", "a.localhost", 1))
    before = (tmp_path / "watched/routes.json").read_text()
    open_edge(tmp_path)
    assert (tmp_path / "watched/routes.json").read_text() == before


def test_files_cut_by_a_loss_of_power_are_made_again(tmp_path: Path) -> None:
    saved(tmp_path, app("a", "a.localhost", 1))
    for name in ("clusters", "routes"):
        (tmp_path / f"watched/{name}.json").write_text("")
    open_edge(tmp_path)
    assert names(tmp_path) == ["a-v1-http"]
