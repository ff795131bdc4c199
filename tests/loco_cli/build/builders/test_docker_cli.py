"""The docker CLI's BuildKit: its command line, its plain progress, and a CLI that behaves and misbehaves."""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from requests.exceptions import ConnectionError as NoConnection

from loco_cli.build.builders.docker_cli import Cli, DockerCli, argv, hidden, read_line
from loco_cli.build.progress import Progress, Step
from loco_spec.errors import BuildFailed, EngineUnavailable, LocoError
from tests.loco_cli.build.builders.recipes import quiet, recipe
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.samples import IMAGE

BUILDX = Cli("/usr/bin/docker", buildx=True)
BUILT_IN = Cli("/usr/bin/docker", buildx=False)
IID = Path("/tmp/image")

PLAIN = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 120B done
#1 DONE 0.0s

#2 [internal] load metadata for docker.io/library/busybox:1.36
#2 DONE 1.2s

#3 [1/3] FROM docker.io/library/busybox:1.36@sha256:73aaf0
#3 CACHED

#4 [2/3] RUN make all
#4 0.211 cc -c main.c
#4 0.342 main.c:3: warning: unused
#4 ...

#5 [3/3] COPY --from=base / /
#5 sha256:4f4fb7 1.05MB / 3.40MB 0.2s
#5 DONE 0.1s

#4 [2/3] RUN make all
#4 1.090 done
#4 DONE 1.2s

#6 exporting to image
#6 exporting layers 0.1s done
#6 writing image sha256:1111 done
#6 DONE 0.1s
"""
FAILED = """\
#4 [2/3] RUN make all
#4 0.211 make: *** No rule to make target 'all'.  Stop.
#4 ERROR: process "/bin/sh -c make all" did not complete successfully: exit code: 2
------
 > [2/3] RUN make all:
0.211 make: *** No rule to make target 'all'.  Stop.
------
Dockerfile:2
--------------------
   2 | >>> RUN make all
--------------------
ERROR: failed to solve: process "/bin/sh -c make all" did not complete successfully: exit code: 2
"""


def test_with_buildx_the_image_is_loaded_without_an_attestation() -> None:
    assert argv(BUILDX, recipe(), IID) == [
        "/usr/bin/docker",
        "buildx",
        "build",
        "--progress=plain",
        "--iidfile=/tmp/image",
        "--load",
        "--provenance=false",
        "--file=/src/Dockerfile",
        "--tag=loco/ann/shop:latest",
        "/src",
    ]


def test_an_older_cli_has_it_built_in() -> None:
    found = argv(BUILT_IN, recipe(), IID)
    assert found[:2] == ["/usr/bin/docker", "build"]
    assert not {"--load", "--provenance=false"} & set(found)


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"target": "runtime"}, "--target=runtime"),
        ({"platform": "linux/arm64"}, "--platform=linux/arm64"),
        ({"no_cache": True}, "--no-cache"),
        ({"pull": True}, "--pull"),
        ({"dockerfile": "docker/web.Dockerfile"}, "--file=/src/docker/web.Dockerfile"),
    ],
)
def test_each_part_of_a_recipe_has_its_flag(given: dict[str, Any], flag: str) -> None:
    found = argv(BUILDX, recipe(**given), IID)
    assert flag in found
    assert found[-1] == "/src"
    assert flag not in argv(BUILDX, recipe(), IID)


def test_values_of_build_arguments_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    args = {"TOKEN": "secret", "LANG": "de", "DOCKER_X": "y"}
    found = argv(BUILDX, recipe(args=args), IID)
    assert [flag for flag in found if flag.startswith("--build-arg")] == [
        "--build-arg=TOKEN",
        "--build-arg=LANG=de",
        "--build-arg=DOCKER_X=y",
    ]
    assert hidden(args) == {"TOKEN": "secret"}


def read(text: str) -> tuple[Progress, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    progress = Progress(lambda step: told.append((step.name, step.state)))
    for line in text.splitlines():
        read_line(line, progress)
    return progress, told


def test_plain_progress_is_read_as_steps_that_begin_and_end() -> None:
    progress, told = read(PLAIN)
    assert [item for item in told if item[0].startswith("[")][-6:] == [
        ("[1/3] FROM docker.io/library/busybox:1.36@sha256:73aaf0", "running"),
        ("[1/3] FROM docker.io/library/busybox:1.36@sha256:73aaf0", "cached"),
        ("[2/3] RUN make all", "running"),
        ("[3/3] COPY --from=base / /", "running"),
        ("[3/3] COPY --from=base / /", "done"),
        ("[2/3] RUN make all", "done"),
    ]
    assert progress.counts() == (3, 1)
    made = progress.step("4")
    assert (made.seconds, made.lines) == (1.2, ["cc -c main.c", "main.c:3: warning: unused", "done"])
    assert progress.step("5").lines == []
    assert progress.failed is None


def test_a_failed_step_is_read_with_its_error_and_its_lines() -> None:
    progress, _ = read(FAILED)
    assert progress.failed == Step(
        "[2/3] RUN make all",
        "failed",
        0.0,
        ["make: *** No rule to make target 'all'.  Stop."],
        'process "/bin/sh -c make all" did not complete successfully: exit code: 2',
    )


@pytest.mark.parametrize("line", ["", "#", "#x y", "# 5", "warning: #5 CACHED", "------", "5 CACHED"])
def test_lines_that_are_no_progress_are_passed_over(line: str) -> None:
    assert read(line)[1] == []


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: the machine may have a docker CLI of its own."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    return path


def install(folder: Path, *, build: str = "exit 0", buildx: bool = True, version: str = "29.1.0") -> None:
    """A docker CLI that is a shell script; `build` is what it does to build."""
    script = folder / "docker"
    script.write_text(
        "#!/bin/sh\n"
        f"case $* in\n"
        f"'buildx version') exit {0 if buildx else 1} ;;\n"
        f"'--version') echo 'Docker version {version}, build abc' ;;\n"
        "*)\n"
        'for arg in "$@"; do case $arg in --iidfile=*) image=${arg#*=} ;; esac; done\n'
        f"{build}\n"
        ";;\n"
        "esac\n"
    )
    script.chmod(0o755)


def build(docker: Docker | None = None, progress: Progress | None = None, **more: Any) -> str:
    return DockerCli((docker or Docker()).engine()).build(recipe(**more), progress or quiet())


def fails(docker: Docker | None = None) -> LocoError:
    with pytest.raises(LocoError) as caught:
        build(docker)
    return caught.value


@pytest.mark.parametrize(
    ("buildx", "version", "usable"),
    [(True, "29.1.0", True), (False, "20.10.24+dfsg1", True), (False, "23.0.0", False), (False, "unknown", False)],
)
def test_a_cli_is_able_with_buildx_or_before_version_23(
    bin_folder: Path, version: str, *, buildx: bool, usable: bool
) -> None:
    install(bin_folder, buildx=buildx, version=version)
    assert DockerCli(Docker().engine()).usable() is usable


def test_without_a_cli_it_is_not_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not DockerCli(Docker().engine()).usable()
    (tmp_path / "docker").write_text("no program")
    (tmp_path / "docker").chmod(0o755)
    assert not DockerCli(Docker().engine()).usable()


def test_the_first_cli_on_the_path_that_is_able_builds(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}:{other}")
    install(bin_folder, buildx=False, build="exit 9")
    install(other, build=f"printf {IMAGE} > $image")
    assert build() == IMAGE


def test_an_image_is_built_with_the_arguments_in_the_environment(bin_folder: Path) -> None:
    install(
        bin_folder,
        build=f'printf {IMAGE} > $image; echo "#4 [2/3] RUN $TOKEN $DOCKER_BUILDKIT"; echo "#4 DONE 0.5s" >&2',
    )
    progress = quiet()
    assert build(progress=progress, args={"TOKEN": "secret"}) == IMAGE
    assert progress.step("4") == Step("[2/3] RUN secret 1", "done", 0.5)


def test_a_failed_build_is_told_with_the_step(bin_folder: Path) -> None:
    install(bin_folder, build=f"printf '%s' {shlex.quote(FAILED)}; exit 1")
    found = fails()
    assert type(found) is BuildFailed
    assert found.message == "the build failed at step [2/3] RUN make all"
    assert found.diagnosis is not None
    assert found.diagnosis.lines == ("make: *** No rule to make target 'all'.  Stop.",)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "#1 [internal] load\nERROR: failed to solve: dockerfile parse error\n",
            "failed to solve: dockerfile parse error",
        ),
        ("ERROR: no space left\n\n------\n > [2/3] RUN x\n", "no space left"),
        ("", "the docker CLI gave no reason"),
        ("#1 DONE 0.1s\n", "the docker CLI gave no reason"),
    ],
)
def test_without_a_failed_step_the_last_words_are_the_reason(bin_folder: Path, said: str, reason: str) -> None:
    install(bin_folder, build=f"printf '%s' {shlex.quote(said)}; exit 1")
    assert fails().message == f"the build failed: {reason}"


def test_an_engine_that_went_away_is_no_fault_of_the_dockerfile(bin_folder: Path) -> None:
    install(bin_folder, build="echo 'ERROR: error reading from server: EOF'; exit 1")
    docker = Docker()
    docker.fails = NoConnection("refused")
    found = fails(docker)
    assert type(found) is EngineUnavailable
    assert found.message == "the container engine went away during the build: error reading from server: EOF"


def test_output_that_is_no_utf_8_is_read_all_the_same(bin_folder: Path) -> None:
    install(bin_folder, build=f"printf {IMAGE} > $image; printf '#4 [1/1] RUN x\\n#4 0.1 caf\\351\\n'")
    progress = quiet()
    build(progress=progress)
    assert progress.step("4").lines == ["caf�"]


def test_ctrl_c_ends_the_cli_too(bin_folder: Path, tmp_path: Path) -> None:
    install(bin_folder, build=f"echo $$ > {tmp_path}/pid; echo '#4 [1/1] RUN x'; exec /bin/sleep 60")

    def interrupt(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(progress=Progress(interrupt))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
