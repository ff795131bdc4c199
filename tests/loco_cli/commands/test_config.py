"""`loco config`: every value with where it came from."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from loco_spec.kinds.service import Service
from tests.loco_cli.conftest import Loco


def settings(loco: Loco, *args: str) -> dict[str, tuple[Any, str]]:
    found = loco("config", "--json", *args).json["result"]["settings"]
    return {item["key"]: (item["value"], item["source"]) for item in found}


def test_each_value_has_its_source(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text('port = 3000\n[health]\npath = "/up"\n[env]\nLOG_LEVEL = "info"\n')
    found = settings(loco)
    assert found["name"] == ("shop", "the folder's name")
    assert found["team"] == (None, "your own team")
    assert found["ports[0].port"] == (3000, "loco.toml:1")
    assert found["ports[0].protocol"] == ("http", "default")
    assert found["routes[0].host"] == (None, "the app's name")
    assert found["health.path"] == ("/up", "loco.toml:3")
    assert found["health.grace"] == ("30s", "default")
    assert found["env.LOG_LEVEL"] == ("info", "loco.toml:5")


def test_every_key_is_there(loco: Loco, folder: Path) -> None:
    tops = {key.split(".")[0].split("[")[0] for key in settings(loco)}
    assert tops == set(Service.model_fields) - {"env"}


def test_what_is_shown_is_toml_again_and_means_the_same(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text(
        'name = "store"\n[[ports]]\nport = 1\n[[ports]]\nname = "b"\nport = 2\n[build]\nargs = {A = "x"}\n'
        '[metrics]\nport = 9090\n[deploy]\nrelease_command = ["a", "b\\"c"]\n'
    )
    shown = tomllib.loads(loco("config").out)
    assert shown.pop("server") == "http://127.0.0.1:7070"
    (folder / "loco.toml").write_text(loco("config").out.split("\n", 1)[1])
    assert loco("validate").code == 0
    again = tomllib.loads(loco("config").out)
    again.pop("server")
    assert again == shown
    assert shown["ports"][1] == {"name": "b", "port": 2, "protocol": "http"}
    assert shown["deploy"]["release_command"] == ["a", 'b"c']


def test_what_looks_like_a_secret_is_not_shown(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text('[env]\nDB_PASSWORD = "sesame"\n')
    for args in ((), ("--json",)):
        said = loco("config", *args)
        assert "sesame" not in said.out + said.err
    assert settings(loco)["env.DB_PASSWORD"] == ("(hidden)", "loco.toml:2")


def test_the_server_and_where_it_is_named_come_first(loco: Loco, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCO_SERVER", "https://loco.example.com")
    line = loco("config").out.splitlines()[0]
    assert line.split("#") == [line.split("#")[0], " LOCO_SERVER"]
    assert line.startswith('server = "https://loco.example.com"')


def test_a_file_with_faults_has_no_configuration(loco: Loco, folder: Path) -> None:
    (folder / "loco.toml").write_text("prot = 1\n")
    assert loco("config").code == 2
    assert loco("config", "nowhere").code == 2
