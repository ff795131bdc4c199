"""A docker CLI that behaves and misbehaves, as a shell script."""

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from requests.exceptions import ConnectionError as NoConnection

from loco_cli.build.builders.docker_cli import DockerCli
from loco_cli.build.progress import Progress, Step
from loco_spec.errors import BuildFailed, EngineUnavailable, LocoError
from tests.loco_cli.build.builders.recipes import quiet, recipe
from tests.loco_cli.build.docker import Docker
from tests.loco_cli.samples import IMAGE

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


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH: the machine may have a docker CLI of its own."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    return path


def install(folder: Path, *, build: str = "exit 0", version: str = "20.10.24") -> None:
    """A docker CLI that is a shell script; `build` is what it does to build."""
    script = folder / "docker"
    script.write_text(
        "#!/bin/sh\n"
        f"case $* in\n"
        f"'--version') echo 'Docker version {version}, build abc' ;;\n"
        "*)\n"
        'for arg in "$@"; do case $arg in --iidfile=*) image=${arg#*=} ;; esac; done\n'
        f"{build}\n"
        ";;\n"
        "esac\n"
    )
    script.chmod(0o755)


def build(docker: Docker | None = None, progress: Progress | None = None, **more: Any) -> str:
    docker = docker or Docker()
    docker.images.add(IMAGE)
    builder = DockerCli(docker.engine())
    assert builder.missing() == ""
    return builder.build(recipe(**more), progress or quiet())


def fails(docker: Docker | None = None) -> LocoError:
    with pytest.raises(LocoError) as caught:
        build(docker)
    return caught.value


def test_the_first_cli_on_the_path_that_is_able_builds(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}:{other}")
    install(bin_folder, version="29.1.0", build="exit 9")
    install(other, build=f"printf {IMAGE} > $image")
    assert build() == IMAGE


def test_an_image_is_built_with_the_arguments_in_the_environment(bin_folder: Path) -> None:
    install(
        bin_folder,
        build=f'printf {IMAGE} > $image; echo "#4 [2/3] RUN $TOKEN $DOCKER_BUILDKIT"; echo "#4 DONE 0.5s" >&2',
    )
    progress = quiet()
    assert build(progress=progress, args={"TOKEN": "secret"}) == IMAGE
    step = progress.step("4")
    assert (step.name, step.state, step.seconds) == ("[2/3] RUN secret 1", "done", 0.5)


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
