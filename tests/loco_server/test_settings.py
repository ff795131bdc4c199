from ipaddress import IPv4Network
from pathlib import Path

import pytest

from loco_server.settings import Ports, Settings, default_data_dir, local_settings


def settings(**environment: str) -> Settings:
    return local_settings(Path("/data"), Ports(), environment)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings() == Settings(data_dir=Path("/data"))
    assert settings(DOCKER_HOST="") == Settings(data_dir=Path("/data"))


def test_every_variable_is_taken() -> None:
    found = settings(
        LOCO_SUBNETS="10.5.0.0/16",
        LOCO_IMAGE_LIMIT="5",
        LOCO_FREE_SPACE_FLOOR="6",
        DOCKER_HOST="unix:///run/other.sock",
    )
    assert found.subnets == IPv4Network("10.5.0.0/16")
    assert (found.limits.image_bytes, found.limits.free_space_bytes) == (5, 6)
    assert found.engine_url == "unix:///run/other.sock"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCO_SUBNETS", "10.5.0"),
        ("LOCO_IMAGE_LIMIT", "2 GB"),
        ("LOCO_IMAGE_LIMIT", "²"),
        ("LOCO_FREE_SPACE_FLOOR", "-1"),
        ("DOCKER_HOST", "tcp://10.0.0.7:2375"),
        ("DOCKER_HOST", "ssh://somebody@somewhere"),
        ("DOCKER_HOST", "unix://relative.sock"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        settings(**{name: value})


def test_the_data_folder_is_the_variables_else_under_the_xdg_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_data_dir({"LOCO_DATA_DIR": "/srv/loco", "XDG_DATA_HOME": "/x"}) == Path("/srv/loco")
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/loco")
    assert default_data_dir({}) == Path("/home/ann/.local/share/loco")
