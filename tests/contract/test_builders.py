"""Every builder, on a real engine: what a deploy relies on, whoever builds."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import docker
import pytest

from loco_cli.build.builders import MEMBERS
from loco_cli.build.builders.choose import choose, load
from loco_cli.build.engine import connect
from loco_cli.build.progress import Step
from loco_cli.build.secret import Secret
from loco_spec.errors import BuildFailed, EngineUnavailable, UsageError
from tests.contract.builders import BASE, Build, World, running
from tests.e2e.second_engine import second_engine
from tests.podman import PodmanService, podman_service
from tests.waiting import eventually

pytestmark = [pytest.mark.engine, pytest.mark.sample("builders")]

WITH_SECRETS = ("buildx", "docker")


@pytest.fixture(scope="module")
def podman() -> Iterator[PodmanService]:
    with podman_service() as service:
        yield service


@pytest.fixture(params=list(MEMBERS))
def member(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, docker_client: docker.DockerClient) -> str:
    """One builder's name; DOCKER_HOST leads to an engine that it fits."""
    name: str = request.param
    if name == "podman":
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("podman").host)
    else:
        request.getfixturevalue("base_image")
    if name == "buildx" and (missing := load(name, connect()).missing()):
        pytest.skip(f"the contract is not run for buildx: {missing}")
    return name


@pytest.fixture
def world(member: str, tmp_path: Path) -> Iterator[World]:
    found = World(member, tmp_path / "context")
    yield found
    found.engine.untag(found.tag)
    found.close()


def test_an_image_is_built_tagged_and_known_to_the_engine_by_its_id(world: World) -> None:
    build = world.build(BASE + 'USER 10001\nHEALTHCHECK CMD true\nCMD ["httpd", "-f"]\n')
    assert build.image.startswith("sha256:")
    assert world.inspect(build.image)["Id"] == world.inspect(world.tag)["Id"] == build.image
    config = world.inspect(build.image)["Config"]
    assert (config["User"], config["Cmd"]) == ("10001", ["httpd", "-f"])
    assert world.health_check(build.image) == ["CMD-SHELL", "true"]


def test_build_arguments_reach_the_steps_with_every_character(world: World) -> None:
    build = world.build(BASE + "ARG WHAT\nRUN echo got: $WHAT\n", args={"WHAT": 'a "b" $c ü, d=e'})
    assert 'got: a "b" $c ü, d=e' in build.progress.log.text


def test_a_target_builds_so_far_and_no_further(world: World) -> None:
    stages = f"{BASE.strip()} AS one\nENV STAGE=one\nFROM one AS two\nENV STAGE=two\n"
    assert "STAGE=one" in world.inspect(world.build(stages, target="one").image)["Config"]["Env"]
    assert "STAGE=two" in world.inspect(world.build(stages).image)["Config"]["Env"]


def test_a_second_build_takes_its_steps_from_the_cache_and_no_cache_does_not(world: World) -> None:
    step = f"RUN echo {uuid4()}"
    dockerfile = BASE + step + "\nCOPY file /file\n"
    first = world.build(dockerfile, {"file": b"1"})
    assert (first.state(step), first.state("COPY")) == ("done", "done")
    again = world.build(dockerfile, {"file": b"1"})
    assert (again.state(step), again.state("COPY"), again.image) == ("cached", "cached", first.image)
    assert world.build(dockerfile, {"file": b"2"}).state("COPY") == "done"
    assert world.build(dockerfile, {"file": b"1"}, no_cache=True).state(step) == "done"


def test_the_layers_of_an_app_outlive_the_removal_of_dangling_images(world: World) -> None:
    mark = uuid4()
    dockerfile = f"{BASE}LABEL loco-test={mark}\nRUN echo {mark} >/made\nRUN cat /made\n"
    world.build(dockerfile)
    world.client.images.prune(filters={"dangling": True, "label": f"loco-test={mark}"})
    assert world.build(dockerfile).state("RUN echo") == "cached"


def test_a_step_that_fails_is_told_with_its_exit_code_and_its_last_lines(world: World) -> None:
    failing = "for n in $(seq 30); do echo line $n; done; exit 7"
    with pytest.raises(BuildFailed) as failed:
        world.build(BASE + f"RUN true\nRUN {failing}\nRUN echo never\n")
    assert failing in failed.value.message
    assert failed.value.diagnosis is not None
    assert "7" in failed.value.diagnosis.message
    assert failed.value.diagnosis.lines == tuple(f"line {n}" for n in range(11, 31))


def test_a_syntax_error_names_the_word(world: World) -> None:
    with pytest.raises(BuildFailed) as failed:
        world.build(BASE + "RUNX echo\n")
    said = failed.value.diagnosis.message if failed.value.diagnosis else failed.value.message
    assert "unknown instruction: runx" in said.lower().replace('"', "")
    assert "imagebuilder" not in said


def test_a_base_image_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(BuildFailed) as failed:
        world.build("FROM loco-test/nothere:1\n")
    assert "base image" in failed.value.message
    assert "loco-test/nothere:1" in failed.value.message


def test_what_steps_print_is_kept_as_text_without_colours_and_overwritten_states(world: World) -> None:
    prints = r"""printf 'gr\303\274n \001 \033[31mred\033[0m\n 10%%\r100%%\nbad \377 byte\nno end'"""
    build = world.build(BASE + f"RUN {prints} # {uuid4()}\n")
    (step,) = (step for step in build.steps if "RUN" in step.name)
    assert step.lines == ["grün \x01 red", "100%", "bad \N{REPLACEMENT CHARACTER} byte", "no end"]


def test_the_context_is_what_the_ignore_file_leaves(world: World) -> None:
    context = {"a/kept": b"1", "a/ignored": b"2", "b": b"3", ".dockerignore": b"a/ignored\nb\n"}
    build = world.build(BASE + f"COPY . /context\nRUN cd /context && find . -type f # {uuid4()}\n", context)
    (step,) = (step for step in build.steps if "RUN" in step.name)
    assert set(step.lines) - {"./Dockerfile", "./.dockerignore"} == {"./a/kept"}


def test_an_archive_has_the_files_of_the_recipe_and_no_others(world: World) -> None:
    found = world.recipe(BASE + f"COPY . /context\nRUN ls /context # {uuid4()}\n", {"wanted": b"1", "other": b"2"})
    chosen = [entry for entry in found.files if entry.path != "other"]
    build = Build()
    assert world.builder.missing() == ""
    world.builder.build(replace(found, files=chosen, as_archive=True), build.progress)
    (step,) = (step for step in build.steps if "RUN" in step.name)
    assert step.lines == ["Dockerfile", "wanted"]


def test_the_bytes_of_the_context_are_told(world: World) -> None:
    content = str(uuid4()).encode() * 60_000
    build = world.build(BASE + "COPY large /large\n", {"large": content})
    assert max(step.moved[0] for step in build.steps) >= len(content)


def test_another_platform_is_built_where_nothing_is_in_the_way(world: World) -> None:
    build = world.build("FROM scratch\nCOPY file /file\n", {"file": b"1"}, platform="linux/arm64")
    assert world.inspect(build.image)["Architecture"] == "arm64"


def test_a_base_image_of_another_platform_is_no_image_for_this_one(world: World) -> None:
    with pytest.raises(BuildFailed) as failed:
        world.build(BASE + "COPY file /file\n", {"file": b"1"}, platform="linux/arm64")
    assert "base image" in failed.value.message


def test_a_context_that_changes_while_it_is_sent_is_no_fault_of_the_engine(world: World) -> None:
    recipe = world.recipe(BASE + "COPY . /context\n", {"vanishing": b"1"}, as_archive=True)
    (world.folder / "vanishing").unlink()
    assert world.builder.missing() == ""
    with pytest.raises(BuildFailed) as failed:
        world.builder.build(recipe, Build().progress)
    assert type(failed.value) is BuildFailed
    assert "vanishing" in failed.value.message


def test_an_interrupted_build_leaves_no_process_and_no_image(world: World) -> None:
    mark = str(uuid4())
    seconds = 2 if world.engine.is_podman else 100  # Podman goes no further, but lets the step that runs end by itself

    def interrupt(step: Step) -> None:
        if "RUN" in step.name:
            eventually(lambda: running(mark), within=30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.build(BASE + f"RUN sleep {seconds}; echo {mark}\nRUN touch /never\n", changed=interrupt)
    eventually(lambda: not running(mark), within=30)
    assert world.engine.image(world.tag) is None


def test_a_secret_is_read_by_its_step_and_is_nowhere_else(world: World, tmp_path: Path) -> None:
    (tmp_path / "a,file").write_text("the-secret-itself")
    recipe = world.recipe(
        BASE + f"RUN --mount=type=secret,id=npm wc -c </run/secrets/npm # {uuid4()}\n",
        secrets=[Secret("npm", src=tmp_path / "a,file")],
    )
    if world.builder.name not in WITH_SECRETS:
        with pytest.raises(UsageError) as refused:
            choose(world.builder.name, world.engine, recipe, lambda _: None)
        assert "--build-secret" in refused.value.message
        assert "buildx" in refused.value.hint or "--builder docker" in refused.value.hint
        return
    build = Build()
    assert world.builder.missing() == ""
    image = world.builder.build(recipe, build.progress)
    (step,) = (step for step in build.steps if "RUN" in step.name)
    assert step.lines == ["17"]
    assert "the-secret-itself" not in str(world.inspect(image)) + str(world.client.api.history(image))


# The SDK leaves a socket to the garbage collector when nobody answers at its other end.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_is_killed_in_the_middle(member: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with podman_service() if member == "podman" else second_engine(apart=False) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.host)
        world = World(member, tmp_path / "context")

        def kill(step: Step) -> None:
            if "RUN sleep" in step.name and step.state == "running":
                engine.kill()

        with pytest.raises(EngineUnavailable):
            world.build(BASE + f"RUN sleep 100 # {uuid4()}\n", changed=kill)
        world.close()
        gc.collect()
