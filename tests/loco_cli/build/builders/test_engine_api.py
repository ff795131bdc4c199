"""The engine API's BuildKit: the request, and the answer with its progress."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from loco_cli.build import files
from loco_cli.build.builders.engine_api import EngineApi, query
from loco_cli.build.progress import Progress
from loco_spec.errors import BuildFailed
from tests.loco_cli.build.builders.recipes import quiet, recipe
from tests.loco_cli.build.docker import BUILT, Docker, trace
from tests.loco_cli.build.protobuf import CACHED, completed, error, log, started, vertex
from tests.loco_cli.samples import IMAGE

PLAIN = {"t": "loco/ann/shop:latest", "dockerfile": "Dockerfile", "rm": "1", "forcerm": "1"}


def test_a_plain_request_names_nothing_else() -> None:
    assert query(recipe()) == PLAIN


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"target": "runtime"}, {"target": "runtime"}),
        ({"platform": "linux/arm64"}, {"platform": "linux/arm64"}),
        ({"no_cache": True}, {"nocache": "1"}),
        ({"pull": True}, {"pull": "1"}),
        ({"dockerfile": "docker/web.Dockerfile"}, {"dockerfile": "docker/web.Dockerfile"}),
    ],
)
def test_each_part_of_a_recipe_has_its_place_in_the_request(given: dict[str, Any], asked: dict[str, str]) -> None:
    assert query(recipe(**given)) == {**PLAIN, **asked}


def test_build_arguments_are_one_json_object() -> None:
    assert json.loads(query(recipe(args={"A": "1", "B": ""}))["buildargs"]) == {"A": "1", "B": ""}


def build(docker: Docker, context: Path) -> tuple[str, Progress]:
    progress = quiet()
    found = files.listing(context, files.rules(context, "Dockerfile"), "Dockerfile").entries
    return EngineApi(docker.engine()).build(recipe(context, files=found), progress), progress


def test_the_context_goes_with_the_request_and_the_image_comes_back(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM scratch")
    docker = Docker()
    image, _ = build(docker, folder)
    assert image == IMAGE
    assert docker.query["version"] == "2"
    with tarfile.open(fileobj=io.BytesIO(docker.context)) as tar:
        assert tar.getnames() == [".", "Dockerfile"]


def test_progress_is_read_from_the_trace(folder: Path) -> None:
    (folder / "Dockerfile").touch()
    records = [
        trace(vertex("a", "[1/3] FROM base") + vertex("b", "[2/3] RUN make") + vertex("c", "[3/3] COPY")),
        trace(vertex("a", "[1/3] FROM base", CACHED) + vertex("b", "[2/3] RUN make", started(1))),
        trace(log("b", "made\n")),
        {"stream": "of an older kind"},
        trace(vertex("b", "[2/3] RUN make", started(1), completed(3)) + vertex("c", "[3/3] COPY", started(3))),
    ]
    _, progress = build(Docker(builds=[*records, *BUILT]), folder)
    assert progress.counts() == (3, 1)
    made = progress.step("b")
    assert (made.state, made.seconds, made.lines) == ("done", 2, ["made"])
    assert (progress.step("a").state, progress.step("c").state) == ("cached", "running")


def fails(docker: Docker, context: Path) -> BuildFailed:
    (context / "Dockerfile").touch()
    with pytest.raises(BuildFailed) as caught:
        build(docker, context)
    return caught.value


def test_a_step_that_fails_is_told_with_its_lines(folder: Path) -> None:
    step = vertex("a", "[1/1] RUN make", started(1), completed(2), error("exit code: 2"))
    found = fails(
        Docker(builds=[trace(log("a", "no rule")), trace(step), {"error": "failed to solve: exit code: 2"}]), folder
    )
    assert found.message == "the build failed at step [1/1] RUN make"
    assert found.diagnosis is not None
    assert (found.diagnosis.message, found.diagnosis.lines) == ("exit code: 2", ("no rule",))


@pytest.mark.parametrize(
    ("builds", "words"),
    [
        ([{"error": "dockerfile parse error on line 1"}], "the build failed: dockerfile parse error on line 1"),
        ([*BUILT, {"error": "too late"}], "the build failed: too late"),
        ([], "the build failed: the engine gave no reason"),
    ],
)
def test_a_build_without_an_image_or_with_an_error_has_failed(folder: Path, builds: Any, words: str) -> None:
    assert fails(Docker(builds=builds), folder).message == words


def test_a_base_image_behind_a_sign_in_needs_the_docker_cli(folder: Path) -> None:
    found = fails(Docker(builds=[{"error": "no active session for xyz: context deadline exceeded"}]), folder)
    assert found.message.startswith("the engine cannot fetch a base image by itself: no active session")
    assert "install the docker CLI with buildx" in found.hint
