from pathlib import Path

import pytest

from loco_server.check.machine.place import judge, machine
from loco_server.check.machine.processes import Child, child, server


def test_a_folder_that_serves_the_world_is_known_by_its_mark(tmp_path: Path) -> None:
    assert machine(tmp_path, {}, domain=None).domain is None
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "public").write_text("a.example")
    assert machine(tmp_path, {}, domain=None).domain == "a.example"
    assert machine(tmp_path, {}, domain="B.example").domain == "b.example"
    assert "loco-server run" in machine(tmp_path, {}, domain=None).again


def test_variables_that_do_not_work_are_all_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    variables = {"LOCO_SUBNETS": "x", "DOCKER_HOST": "tcp://127.0.0.1:1", "LOCO_TEAM_APS": "1"}
    found = machine(tmp_path, variables, domain="no domain")
    told = judge(found.faults, found.domain)
    assert told.state == "missing"
    for name in ("LOCO_SUBNETS", "DOCKER_HOST", "LOCO_TEAM_APS", "LOCO_DOMAIN"):
        assert name in told.said
    assert found.settings.data_dir == tmp_path
    assert judge((), None).state == "ok"


def test_a_database_url_that_cannot_be_read_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    found = machine(tmp_path, {"LOCO_DATABASE_URL": "mysql://loco:hunter2@db/loco"}, domain=None)
    assert "LOCO_DATABASE_URL" in found.faults[0]
    assert "hunter2" not in found.faults[0]


def test_a_local_server_keeps_its_records_in_the_folder_whatever_is_set(tmp_path: Path) -> None:
    variables = {"LOCO_DATABASE_URL": "postgresql://db/loco"}
    (tmp_path / "run").mkdir()
    assert machine(tmp_path, variables, domain=None).settings.database is not None
    (tmp_path / "loco.db").touch()
    assert machine(tmp_path, variables, domain=None).settings.database is None
    (tmp_path / "run" / "public").write_text("a.example")
    assert machine(tmp_path, variables, domain=None).settings.database is not None


@pytest.mark.parametrize(
    ("found", "runs", "state", "said"),
    [
        (Child("edge", 7, "/envoy"), True, "ok", "runs (pid 7)"),
        (Child("edge", 7, "/envoy"), False, "ok", "runs (pid 7)"),
        (Child("edge", None, "/envoy"), True, "missing", "the server does"),
        (Child("edge", None, "/envoy"), False, "warning", "it is there: /envoy"),
        (Child("registry", None, "", "no registry", "install"), False, "missing", "no registry"),
    ],
)
def test_edge_and_registry_run_where_the_server_does(found: Child, runs: bool, state: str, said: str) -> None:
    told = child(found, server=runs)
    assert (told.state, said in told.said) == (state, True), told
    assert bool(told.fix) is (state != "ok")


def test_a_server_that_does_not_run_is_told_with_how_it_starts() -> None:
    assert server(None, "", "loco-server local").fix == "loco-server local"
    assert server(7, "http://127.0.0.1:7070", "").said == "runs (pid 7), http://127.0.0.1:7070"
