from loco_cli.build.builders.steps import Steps
from loco_cli.build.progress import Progress, Step


def read(*pieces: str, error: str = "") -> list[Step]:
    """Give the steps that the stream tells, in order."""
    found: list[Step] = []
    steps = Steps(Progress(lambda step: None if step in found else found.append(step)))
    for piece in pieces:
        steps.read(piece)
    steps.end(error)
    return found


def test_dockers_stream_becomes_steps_with_their_output() -> None:
    first, second = read(
        "Step 1/2 : FROM base", "\n", " ---> 2fd0da681a90\n",
        "Step 2/2 : RUN make", "\n", " ---> Running in 411f2df126e6\n", "hello\n", "\x1b[91merr\n\x1b[0m",
        "Removing intermediate container 411f2df126e6\n", " ---> 6640990bd3b5\n",
        "Successfully built 6640990bd3b5\n", "Successfully tagged loco/ann/x:latest\n",
    )  # fmt: skip
    assert (first.name, first.state, first.lines) == ("[1/2] FROM base", "done", [])
    assert (second.name, second.state, second.lines) == ("[2/2] RUN make", "done", ["hello", "err"])


def test_podmans_stream_becomes_steps_of_stages() -> None:
    steps = read(
        "[1/2] STEP 1/2: FROM base AS one\n", "[1/2] STEP 2/2: RUN one\n", "--> 1e41ed8c81c\n",
        "[2/2] STEP 1/2: FROM one AS two\n", "[2/2] STEP 2/2: RUN two\n", "said\n", "[2/2] COMMIT docker.io/x:latest\n",
        "--> 41dd51b8fd8\n", "Successfully tagged docker.io/x:latest\n", "4" * 64 + "\n",
    )  # fmt: skip
    assert [step.name for step in steps] == [
        "[stage 1 1/2] FROM base AS one",
        "[stage 1 2/2] RUN one",
        "[stage 2 1/2] FROM one AS two",
        "[stage 2 2/2] RUN two",
    ]
    assert [line for step in steps for line in step.lines] == ["said"]


def test_what_comes_from_the_cache_is_told_as_such() -> None:
    (docker,) = read("Step 1/1 : RUN make", "\n", " ---> Using cache\n", " ---> a68f19508aa8\n")
    (podman,) = read("STEP 1/1: RUN make\n", f"--> Using cache {'1' * 64}\n", "--> 1e41ed8c81c\n")
    assert (docker.state, podman.state) == ("cached", "cached")


def test_a_step_that_prints_what_the_builder_prints_deceives_nobody() -> None:
    (step,) = read(
        "STEP 1/1: RUN fake\n", "STEP 5/9: RUN other\n", "Step 1/1 : RUN again\n", "x\n", "--> Using cache 1\n"
    )
    assert step.state == "done"
    assert step.lines == ["STEP 5/9: RUN other", "Step 1/1 : RUN again", "x", "--> Using cache 1"]


def test_a_last_line_that_a_step_did_not_end_does_not_swallow_what_the_builder_says_next() -> None:
    first, second = read(
        "Step 1/2 : RUN a",
        "\n",
        "no end",
        "Removing intermediate container 411f2df126e6\n",
        "Step 2/2 : RUN b",
        "\n",
        "x",
    )
    assert (first.lines, second.lines) == (["no end"], ["x"])


def test_an_error_is_that_of_the_step_that_ran() -> None:
    first, second = read("STEP 1/2: FROM base\n", "STEP 2/2: RUN false\n", "why\n", error="exit status 1")
    assert (first.state, second.state, second.error, second.lines) == ("done", "failed", "exit status 1", ["why"])


def test_an_error_before_the_first_step_is_nobodys() -> None:
    assert read(error="unknown instruction") == []
