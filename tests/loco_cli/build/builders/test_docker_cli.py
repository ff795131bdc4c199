import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build.builders.buildx import Buildx
from loco_cli.build.builders.docker_cli import DockerCli, ask_ahead, hidden, on_path, options
from loco_cli.build.engine import Engine
from loco_cli.build.secret import Secret
from tests.loco_cli.build.builders.test_choose import RECIPE

IMAGE = Path("/tmp/image")


def test_the_command_line_says_everything_and_ends_with_the_context() -> None:
    recipe = replace(RECIPE, tag="loco/a/b:latest", target="run", platform="linux/arm64", no_cache=True, pull=True)
    assert options(recipe, IMAGE) == [
        "--iidfile=/tmp/image",
        "--file=/context/Dockerfile",
        "--tag=loco/a/b:latest",
        "--target=run",
        "--platform=linux/arm64",
        "--secret=id=npm,env=NPM",
        "--no-cache",
        "--pull",
        "/context",
    ]


def test_an_archive_comes_over_stdin_with_the_dockerfile_inside() -> None:
    found = options(replace(RECIPE, as_archive=True), IMAGE)
    assert "--file=Dockerfile" in found
    assert found[-1] == "-"


def test_values_of_arguments_go_through_the_environment_where_that_means_nothing_else() -> None:
    args = {"TOKEN": "the-value", "PATH": "other", "DOCKER_CONFIG": "third"}
    recipe = replace(RECIPE, args=args, secrets=(Secret("npm", src=Path("/npmrc")),))
    assert hidden(args) == {"TOKEN": "the-value"}
    found = options(recipe, IMAGE)
    assert "--build-arg=TOKEN" in found
    assert "--build-arg=PATH=other" in found
    assert not [part for part in found if "the-value" in part]


def cli(folder: Path, *, version: str, buildx: str | None) -> None:
    """Write a docker CLI that knows its versions only."""
    answer = f"echo '{buildx}'" if buildx else "exit 1"
    folder.mkdir()
    (folder / "docker").write_text(f'#!/bin/sh\ncase $1 in --version) echo "{version}";; buildx) {answer};; esac\n')
    (folder / "docker").chmod(0o755)


@pytest.fixture
def engine() -> Engine:
    client: Any = None
    return Engine(client, client, "unix:///engine.sock")


PODMAN_AS_DOCKER = ("podman version 4.3.1", "github.com/containers/buildah 1.28.2")


@pytest.mark.parametrize(
    ("version", "buildx", "docker_can", "buildx_can"),
    [
        ("Docker version 20.10.24+dfsg1, build 297e128", None, True, False),
        ("Docker version 28.2.2, build e6534b4", None, False, False),
        ("Docker version 28.2.2, build e6534b4", "github.com/docker/buildx v0.24.0 d0e5e86", False, True),
        ("Docker version 26.1.5+dfsg1, build a72d7cd", "github.com/docker/buildx 0.13.1+ds1", False, True),
        (*PODMAN_AS_DOCKER, False, False),
    ],
)
def test_what_a_docker_cli_can_is_told_by_its_versions(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    buildx: str | None,
    *,
    docker_can: bool,
    buildx_can: bool,
) -> None:
    cli(tmp_path / "bin", version=version, buildx=buildx)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert (DockerCli(engine).missing() == "") is docker_can
    assert (Buildx(engine).missing() == "") is buildx_can


def test_an_able_cli_further_down_the_path_is_found(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(tmp_path / "first", version="Docker version 28.2.2, build e6534b4", buildx=None)
    cli(tmp_path / "second", version="Docker version 20.10.24, build 297e128", buildx=None)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")]))
    assert DockerCli(engine).missing() == ""


def test_one_program_in_two_folders_is_one_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(tmp_path / "bin", version="Docker version 28.2.2", buildx=None)
    cli(tmp_path / "other", version="Docker version 20.10.24", buildx=None)
    (tmp_path / "linked").symlink_to(tmp_path / "bin")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("bin", "linked", "other")))
    assert on_path() == [f"{tmp_path}/bin/docker", f"{tmp_path}/other/docker"]


def test_a_cli_that_was_asked_ahead_is_not_asked_again(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(tmp_path / "bin", version="Docker version 28.2.2", buildx="github.com/docker/buildx v0.24.0 d0e5e86")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    docker = tmp_path / "bin/docker"
    docker.write_text(docker.read_text().replace("case", f"echo $1 >>{tmp_path}/asked; case", 1))
    ask_ahead()
    assert Buildx(engine).missing() == ""
    DockerCli(engine).missing()
    assert sorted((tmp_path / "asked").read_text().split()) == ["--version", "buildx"]


def test_without_any_cli_both_say_so(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no docker CLI" in DockerCli(engine).missing()
    assert "no docker CLI with buildx" in Buildx(engine).missing()
