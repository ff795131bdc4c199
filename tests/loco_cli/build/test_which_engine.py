"""Which engine answers: Docker with or without BuildKit, or Podman."""

import base64
import json
from pathlib import Path

import docker
import pytest

from loco_cli.build.engine import Engine, has_buildkit, is_podman
from loco_cli.build.podman import insecure

DOCKER = {"server": "Docker/20.10.24 (linux)", "api-version": "1.41", "ostype": "linux"}
PODMAN = {"server": "Libpod/4.3.1 (linux)", "libpod-api-version": "4.3.1", "api-version": "1.41"}


def test_podman_is_known_by_what_it_says_of_itself() -> None:
    assert is_podman(PODMAN)
    assert is_podman({"server": PODMAN["server"]})
    assert is_podman({"libpod-api-version": "5.0.0"})
    assert not is_podman(DOCKER)
    assert not is_podman({})


@pytest.mark.parametrize(
    ("changes", "able"),
    [
        ({}, True),
        ({"api-version": "1.39"}, True),
        ({"api-version": "1.38"}, False),
        ({"api-version": ""}, False),
        ({"ostype": "windows"}, False),
    ],
)
def test_the_api_has_buildkit_since_a_version_and_not_for_windows_containers(
    changes: dict[str, str], *, able: bool
) -> None:
    assert has_buildkit({**DOCKER, **changes}) is able


@pytest.mark.parametrize("registry", ["127.0.0.1:7050", "127.9.9.9", "localhost:7050", "[::1]:7050"])
def test_plain_http_is_allowed_on_loopback(registry: str) -> None:
    assert insecure(registry) == {"tlsVerify": "false"}


@pytest.mark.parametrize(
    "registry", ["registry.example.com", "10.0.0.1:7050", "localhost.example.com:443", "[fe80::1]"]
)
def test_and_nowhere_else(registry: str) -> None:
    assert insecure(registry) == {}


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({"auths": {"registry.example.com": {"auth": base64.b64encode(b"ann:pass").decode()}}}, True),
        ({"credHelpers": {"registry.example.com": "does-not-exist"}}, False),
        ({}, False),
    ],
)
def test_the_classic_builder_is_given_the_sign_ins_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, object], *, sent: bool
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    client = docker.APIClient(base_url="tcp://127.0.0.1:1", version="1.41")
    engine = Engine(client, client, "tcp://127.0.0.1:1")
    header = engine._sign_ins().get("X-Registry-Config", base64.urlsafe_b64encode(b"{}"))
    engine.close()
    assert ("registry.example.com" in json.loads(base64.urlsafe_b64decode(header))) is sent
