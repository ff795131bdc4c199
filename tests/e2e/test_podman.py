"""The developer has Podman, the server a Docker engine: the image travels through the registry."""

from collections.abc import Iterator

import docker
import pytest

from tests import images
from tests.e2e.stack import HTTPD, QUICK, Stack, httpd
from tests.e2e.test_bad_input import BUILD, USAGE, fails
from tests.podman import PodmanService, podman_service
from tests.private_registry import private_registry

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def podman() -> Iterator[PodmanService]:
    with podman_service() as service:
        yield service


def test_a_folder_is_built_and_pushed_by_podman_and_serves(stack: Stack, podman: PodmanService) -> None:
    folder = httpd(stack, "by-podman", text="built by podman")
    done = stack.loco("deploy", cwd=folder, DOCKER_HOST=podman.host)
    assert "built: 5 steps" in done.stderr
    assert stack.get("by-podman").text == "built by podman"
    (folder / "www/index.html").write_text("built again")
    stack.loco("deploy", "--builder", "podman", cwd=folder, DOCKER_HOST=podman.host)
    assert stack.get("by-podman").text == "built again"
    same = stack.loco("deploy", cwd=folder, DOCKER_HOST=podman.host)
    assert "nothing changed" in same.stdout + same.stderr


def test_a_step_that_fails_in_podman_is_told(stack: Stack, podman: PodmanService) -> None:
    folder = stack.app("podman-fails", "FROM loco-test/base:1\nRUN echo the reason && exit 7\n")
    fails(stack, folder, BUILD, "RUN echo the reason", "exit status 7", DOCKER_HOST=podman.host)
    assert "the reason" in stack.loco("logs", "--build", cwd=folder).stdout


def test_what_podman_cannot_do_is_refused_before_a_deployment_is_made(stack: Stack, podman: PodmanService) -> None:
    folder = httpd(stack, "podman-refuses")
    (stack.folder / "token").write_text("a secret")
    secret = ("--build-secret", f"id=npm,src={stack.folder}/token")
    fails(stack, folder, USAGE, "--build-secret", "buildx", args=secret, DOCKER_HOST=podman.host)
    fails(stack, folder, USAGE, "Podman has no BuildKit", args=("--builder", "docker"), DOCKER_HOST=podman.host)
    stack.loco("status", cwd=folder, exit_code=5)


def test_a_registry_that_podman_cannot_reach_is_told_before_the_build(stack: Stack) -> None:
    folder = httpd(stack, "podman-apart")
    with podman_service(apart=True) as away:
        fails(stack, folder, BUILD, "cannot reach the registry", "unset DOCKER_HOST", DOCKER_HOST=away.host)
    assert stack.json("status", cwd=folder)["latest"]["state"] == "failed"


def test_an_existing_image_is_fetched_and_pushed_by_podman(
    stack: Stack, podman: PodmanService, docker_client: docker.DockerClient
) -> None:
    web = images.build(docker_client, HTTPD, {"www/index.html": b"made elsewhere"})
    folder = stack.folder / "apps" / "podman-existing"
    folder.mkdir(parents=True)
    with private_registry() as elsewhere:
        elsewhere.push(docker_client, web, "acme/web", "1")
        (folder / "loco.toml").write_text(f'image = "{elsewhere.host}/acme/web:1"\n{QUICK}')
        stack.loco("deploy", cwd=folder, DOCKER_HOST=podman.host)
        assert stack.get("podman-existing").text == "made elsewhere"
        (folder / "loco.toml").write_text(f'image = "{elsewhere.host}/acme/nothing:1"\n{QUICK}')
        fails(stack, folder, BUILD, "acme/nothing:1", "no such image", DOCKER_HOST=podman.host)
