"""Fixtures around a real Docker engine. A plugin of tests/conftest.py: ask for them by name."""

import os
from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException

from tests import images

SOCKET = "unix:///var/run/docker.sock"


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """A client of the machine's engine. Tests that need one carry `@pytest.mark.engine`."""
    try:
        client = docker.DockerClient(base_url=os.environ.get("DOCKER_HOST", SOCKET), version="auto", timeout=300)
    except DockerException as error:
        pytest.fail(f"these tests need a Docker engine (deselect them with -m 'not engine'): {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(docker_client: docker.DockerClient) -> str:
    """`loco-test/base:1`: busybox, root and app:10001."""
    return images.base_image(docker_client)
