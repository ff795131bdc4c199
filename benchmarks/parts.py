"""What the subjects stand on: a whole installation, a registry without a gateway, the docker CLI."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import DockerException

from loco_cli.build.builders.docker_cli import ask, on_path
from tests import images
from tests.e2e.stack import Stack

BASE = images.BASE


class MissingError(Exception):
    """Something is not on this machine: what needs it is not measured, and the message says why."""


def engine() -> docker.DockerClient:
    """Give the engine, with the image that all others stand on.

    Raises:
        MissingError: none answers.
    """
    try:
        client = docker.from_env()
    except DockerException as e:
        raise MissingError("no Docker engine answers") from e
    images.base_image(client)
    return client


@contextmanager
def platform(**environment: str) -> Iterator[Stack]:
    """Start an installation, and sign in."""
    engine().close()
    stack = Stack(environment=environment)
    try:
        stack.start()
        stack.loco("login")
        yield stack
    finally:
        stack.remove()


def team(stack: Stack) -> str:
    return str(stack.client().get("/v1/me").raise_for_status().json()["default_team"])


def docker_cli() -> str:
    """Give the docker CLI that builds with BuildKit: the one that loco would take.

    Raises:
        MissingError: there is none.
    """
    found = on_path()
    with_buildx = (path for path in found if "docker/buildx" in ask(path, "buildx", "version"))
    before_23 = (path for path in found if re.match(r"Docker version (1?\d|2[0-2])\.", ask(path, "--version")))
    path = next(with_buildx, None) or next(before_23, None)
    if path is None:
        raise MissingError("no docker CLI with BuildKit")
    return path
