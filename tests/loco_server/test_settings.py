from ipaddress import IPv4Network
from pathlib import Path

import pytest

from loco_server.settings import Ports, Settings, default_data_dir, local_settings
from loco_spec.quota import Quota


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
    assert (found.limits.team.image, found.limits.free_space_bytes) == (5, 6)
    assert found.engine_url == "unix:///run/other.sock"


def test_what_a_team_may_have_and_how_often_one_may_ask_is_the_operators() -> None:
    found = settings(
        LOCO_TEAM_APPS="7",
        LOCO_TEAM_CPU="500m",
        LOCO_TEAM_MEMORY="8Gi",
        LOCO_TEAM_REPLICAS="6",
        LOCO_TEAM_DEPLOYMENTS_PER_HOUR="5",
        LOCO_IMAGE_LIMIT="2Gi",
        LOCO_CONTEXT_LIMIT="500MB",
        LOCO_RATE_PER_TOKEN="0",
        LOCO_RATE_PER_ADDRESS="10",
    ).limits
    assert found.team == Quota(7, 500, 8 << 30, 6, 5, 2 << 30, 500_000_000)
    assert (found.requests_per_token, found.requests_per_address) == (0, 10)
    assert settings(LOCO_TEAM_CPU="8").limits.team.cpu == 8000
    most = settings(LOCO_FREE_SPACE_FLOOR="9" * 18, LOCO_IMAGE_LIMIT="9" * 18).limits
    assert most.free_space_bytes == most.team.image == 10**18 - 1


def test_by_default_a_team_has_much_room() -> None:
    assert Quota() == Quota(100, 32_000, 64 << 30, 100, 120, 2_000_000_000, 2_000_000_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCO_SUBNETS", "10.5.0"),
        ("LOCO_IMAGE_LIMIT", "2 GB"),
        ("LOCO_IMAGE_LIMIT", "²"),
        ("LOCO_FREE_SPACE_FLOOR", "-1"),
        ("LOCO_TEAM_APPS", ""),
        ("LOCO_TEAM_CPU", "0"),
        ("LOCO_TEAM_MEMORY", "8"),
        ("LOCO_TEAM_REPLICAS", "1.5"),
        ("LOCO_TEAM_DEPLOYMENTS_PER_HOUR", "many"),
        ("LOCO_CONTEXT_LIMIT", "1 GB"),
        ("LOCO_RATE_PER_TOKEN", "10/s"),
        ("LOCO_RATE_PER_ADDRESS", "9" * 5000),
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


@pytest.mark.parametrize("name", ["LOCO_TEAM_CPUS", "LOCO_ALLOWED_USER", "LOCO_RATE_TOKEN", "LOCO_SIGN_UP_DOMAIN"])
def test_a_guard_that_is_misspelt_stops_the_start_instead_of_standing_open(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"there is no {name}; there is: LOCO_ALLOWED_IMAGES, "):
        local_settings(tmp_path, Ports(), {name: "x"})
