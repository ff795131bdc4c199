"""What a start has to bring back, and that it answers meanwhile."""

from uuid import uuid4

import docker
import pytest

from tests.e2e.stack import Clock, Stack, httpd
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def test_a_start_that_must_pull_an_image_answers_and_serves_the_pull(
    own_stack: Stack, docker_client: docker.DockerClient
) -> None:
    """The pull asks the server itself for its token: a server that waited for the pull would wait for ever."""
    text = str(uuid4())  # an image that no other test has
    own_stack.start()
    own_stack.loco("login")
    own_stack.loco("deploy", cwd=httpd(own_stack, text=text))
    own_stack.kill()
    [container] = [
        each
        for each in docker_client.containers.list(ignore_removed=True)
        if each.attrs["Config"]["Image"].startswith(f"127.0.0.1:{own_stack.registry}/")
    ]
    image = container.attrs["Config"]["Image"]
    container.remove(force=True)
    for tag in docker_client.images.get(image).attrs["RepoTags"]:
        docker_client.images.remove(tag, force=True)
    docker_client.images.remove(image, force=True)
    clock = Clock()
    own_stack.start()
    assert clock.seconds < 10
    eventually(lambda: own_stack.get("hello").text == text, within=20)

    def said() -> list[str]:
        return [line.split()[3] for line in own_stack.output().splitlines() if own_stack.url in line]

    eventually(lambda: said()[-2:] == ["serving:", "ready:"])  # the app may answer before it is said
