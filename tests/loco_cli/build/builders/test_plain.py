import pytest

from loco_cli.build.builders import plain
from loco_cli.build.progress import Progress


def read(*lines: str) -> Progress:
    progress = Progress(lambda _: None)
    for line in lines:
        plain.read(line, progress)
    return progress


def test_a_step_is_read_with_its_output_its_time_and_its_end() -> None:
    progress = read(
        "#5 [2/4] RUN make", "#5 sha256:0123abc", "#5 0.312 compiling", "#5 0.400", "", "#5 ...", "#5 DONE 1.4s"
    )
    step = progress.step("5")
    assert (step.name, step.state, step.seconds, step.lines) == ("[2/4] RUN make", "done", 1.4, ["compiling"])


@pytest.mark.parametrize(
    ("line", "state", "error"),
    [
        ("#5 CACHED", "cached", ""),
        ("#5 CANCELED", "cancelled", ""),
        ("#5 ERROR: exit code: 7", "failed", "exit code: 7"),
    ],
)
def test_every_end_is_known(line: str, state: str, error: str) -> None:
    step = read("#5 [2/4] RUN make", line).step("5")
    assert (step.state, step.error) == (state, error)


def test_a_last_line_that_the_step_did_not_end_does_not_swallow_its_end() -> None:
    step = read("#5 [2/4] RUN make", "#5 0.2 no end#5 DONE 0.2s").step("5")
    assert (step.lines, step.state) == (["no end"], "done")
    other = read("#5 [2/4] RUN make", "#5 0.2 prints #6 DONE 0.2s").step("5")
    assert (other.lines, other.state) == (["prints #6 DONE 0.2s"], "running")


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("#5 transferring context: 10.49MB 0.1s done", (10_490_000, 0)),
        ("#5 transferring context: 235B done", (235, 0)),
        (f"#5 sha256:{'a' * 64} 1.05MB / 3.2MB 0.3s", (1_050_000, 3_200_000)),
        (f"#5 sha256:{'a' * 64} 0B / 1.20GB", (0, 0)),
        (f"#5 extracting sha256:{'a' * 64} 0.1s done", (0, 0)),
    ],
)
def test_bytes_on_their_way_are_read(line: str, moved: tuple[int, int]) -> None:
    assert read("#5 [internal] load build context", line).step("5").moved == moved


def test_the_reason_is_the_last_thing_that_is_said_to_people() -> None:
    said = ["#5 ERROR: x", "------", " > [2/2] RUN make:", "------", "ERROR: failed to solve: exit code: 7", "", "{}"]
    assert plain.reason(said) == "failed to solve: exit code: 7"
    assert plain.reason(["#1 DONE 0.1s"]) == "the docker CLI gave no reason"


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


def test_plain_progress_is_read_as_steps_that_begin_and_end() -> None:
    told: list[tuple[str, str]] = []
    progress = Progress(lambda step: told.append((step.name, step.state)))
    for line in PLAIN.splitlines():
        plain.read(line, progress)
    assert [item for item in told if item[0].startswith("[")][-7:] == [
        ("[1/3] FROM docker.io/library/busybox:1.36@sha256:73aaf0", "running"),
        ("[1/3] FROM docker.io/library/busybox:1.36@sha256:73aaf0", "cached"),
        ("[2/3] RUN make all", "running"),
        ("[3/3] COPY --from=base / /", "running"),
        ("[3/3] COPY --from=base / /", "running"),  # and so many bytes of it
        ("[3/3] COPY --from=base / /", "done"),
        ("[2/3] RUN make all", "done"),
    ]
    assert progress.counts() == (3, 1)
    made = progress.step("4")
    assert (made.seconds, made.lines) == (1.2, ["cc -c main.c", "main.c:3: warning: unused", "done"])
    assert progress.step("5").lines == []
    assert progress.failed is None
