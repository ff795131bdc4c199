"""`image = …` in loco.toml: an image that somebody else built, from somebody else's registry or out of the engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from tests import images
from tests.e2e.stack import QUICK, Stack
from tests.e2e.test_bad_input import BUILD, DEPLOYMENT, USAGE, fails
from tests.private_registry import PASSWORD, USER, PrivateRegistry, private_registry

pytestmark = [pytest.mark.engine, pytest.mark.sample("established")]


@pytest.fixture(scope="module")
def registry() -> Iterator[PrivateRegistry]:
    with private_registry() as found:
        yield found


@pytest.fixture
def config(stack: Stack) -> Iterator[Path]:
    """The docker configuration of the person who deploys; gone after the test."""
    path = stack.home / ".docker/config.json"
    path.parent.mkdir(exist_ok=True)
    yield path
    path.unlink(missing_ok=True)


def served(client: docker.DockerClient, text: str, *, user: str = "10001") -> str:
    """Build an image that serves the text; give its id."""
    dockerfile = (
        f"FROM loco-test/base:1\nRUN echo '{text}' > /www/index.html\nUSER {user}\nSTOPSIGNAL SIGKILL\n"
        'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n'
    )
    return images.build(client, dockerfile)


def folder(stack: Stack, name: str, image: str) -> Path:
    """Give a folder with a loco.toml and nothing else."""
    found = stack.folder / "apps" / name
    found.mkdir(parents=True, exist_ok=True)
    (found / "loco.toml").write_text(f'image = "{image}"\n{QUICK}')
    return found


def test_a_tag_is_deployed_as_what_it_is_and_again_when_it_moved(
    stack: Stack, docker_client: docker.DockerClient, registry: PrivateRegistry
) -> None:
    name = f"{registry.host}/acme/shop:1.4"
    first = registry.push(docker_client, served(docker_client, "one"), "acme/shop", "1.4")
    app = folder(stack, "existing", name)
    done = stack.loco("deploy", cwd=app)
    assert f"{name} is {first}" in done.stderr
    assert stack.get("existing").text.strip() == "one"

    again = stack.loco("deploy", cwd=app)
    assert "v1 is live, nothing changed" in again.stdout
    assert "pushing" not in again.stderr

    second = registry.push(docker_client, served(docker_client, "two"), "acme/shop", "1.4")
    moved = stack.loco("deploy", cwd=app)
    assert f"{name} is {second}" in moved.stderr
    assert stack.get("existing").text.strip() == "two"
    assert name not in docker_client.images.get(f"{registry.host}/acme/shop@{second}").tags  # no tag of theirs is moved


def test_of_an_index_the_platforms_own_image_is_deployed_and_one_without_it_is_refused(
    stack: Stack, docker_client: docker.DockerClient, registry: PrivateRegistry
) -> None:
    own = registry.push(docker_client, served(docker_client, "of many"), "acme/many", "amd64")
    index = registry.index("acme/many", "1", own=own)
    app = folder(stack, "many", f"{registry.host}/acme/many:1")
    assert index in stack.loco("deploy", cwd=app).stderr
    assert stack.get("many").text.strip() == "of many"

    registry.index("acme/many", "2")
    folder(stack, "many", f"{registry.host}/acme/many:2")
    fails(stack, app, DEPLOYMENT, "built for linux/arm64", "run on linux/amd64", "name an image")
    assert stack.json("status", cwd=app)["latest"]["number"] == 1  # no number was given out


def test_an_image_that_was_only_ever_made_here_is_deployed_by_its_short_name(
    stack: Stack, docker_client: docker.DockerClient
) -> None:
    tag = f"loco-test-{uuid4().hex[:8]}:dev"
    docker_client.api.tag(served(docker_client, "made here"), *tag.split(":"))
    try:
        app = folder(stack, "madehere", tag)
        assert f"{tag} is the engine's own image" in stack.loco("deploy", cwd=app).stderr
        assert stack.get("madehere").text.strip() == "made here"
        assert "nothing changed" in stack.loco("deploy", cwd=app).stdout
        assert docker_client.images.get(tag)
        fails(stack, app, BUILD, f"{tag} cannot be pulled", args=("--pull",))
    finally:
        docker_client.images.remove(tag)


def test_the_engines_own_copy_stands_in_for_a_registry_that_is_away_and_that_is_said(
    stack: Stack, docker_client: docker.DockerClient
) -> None:
    with private_registry() as away:
        name = f"{away.host}/acme/shop:1"
        app = folder(stack, "away", name)
        fails(stack, app, BUILD, f"{name} cannot be pulled", f"{away.host} has no such image")
        docker_client.api.tag(served(docker_client, "my copy"), *name.rsplit(":", 1))
        away.stop()
        try:
            found = stack.loco("deploy", cwd=app)
            assert f"{name} cannot be pulled: " in found.stderr
            assert "connection refused; the engine's own copy is used: " in found.stderr
            assert stack.get("away").text.strip() == "my copy"
            fails(stack, app, BUILD, "connection refused", args=("--pull",))
        finally:
            docker_client.images.remove(name)


def test_a_private_image_needs_the_persons_own_sign_in_with_docker(
    stack: Stack, docker_client: docker.DockerClient, config: Path
) -> None:
    with private_registry(signed_in=True) as private:
        pushed = private.push(docker_client, served(docker_client, "secret sauce"), "acme/shop", "1")
        name = f"{private.host}/acme/shop@{pushed}"
        app = folder(stack, "private", name)
        fails(stack, app, BUILD, "no access", f"docker login {private.host}")

        helper = stack.folder / "bin/docker-credential-locotest"
        helper.parent.mkdir()
        answer = json.dumps({"ServerURL": private.host, "Username": USER, "Secret": PASSWORD})
        helper.write_text(f"#!/bin/sh\necho '{answer}'\n")
        config.write_text(json.dumps({"credHelpers": {private.host: "locotest"}}))
        fails(stack, app, BUILD, "docker-credential-locotest")  # it is not on PATH yet
        helper.chmod(0o755)
        path = f"{helper.parent}:{stack.env()['PATH']}"
        done = stack.loco("deploy", cwd=app, PATH=path)
        assert f"{name} is {pushed}" in done.stderr
        assert stack.get("private").text.strip() == "secret sauce"


def test_an_image_that_runs_as_root_is_refused_with_the_way_out_that_needs_no_dockerfile(
    stack: Stack, docker_client: docker.DockerClient, registry: PrivateRegistry
) -> None:
    registry.push(docker_client, served(docker_client, "of root", user="root"), "acme/root", "1")
    app = folder(stack, "rooted", f"{registry.host}/acme/root:1")
    found = fails(stack, app, DEPLOYMENT, "runs as root", "user = 10001 under [security]")
    assert "Dockerfile" not in found.stderr
    assert stack.json("status", cwd=app)["latest"]["state"] == "failed"


@pytest.mark.parametrize(
    ("image", "args", "said"),
    [
        ("ghcr.io/acme/Shop:1", (), ("image: expected lower case", '"acme/shop"')),
        ("shop:1", ("--no-cache",), ("shop:1 is an image", "--no-cache")),
        ("shop:1", ("--build-arg", "A=1"), ("nothing is built",)),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_asked(
    stack: Stack, image: str, args: tuple[str, ...], said: tuple[str, ...]
) -> None:
    fails(stack, folder(stack, "senseless", image), USAGE, *said, args=args, LOCO_TOKEN="loco_none")
