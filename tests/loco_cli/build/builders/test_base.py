"""How a failed build is worded."""

from loco_cli.build.builders.base import failure
from loco_cli.build.progress import Progress
from loco_spec.errors import Diagnosis
from tests.loco_cli.build.builders.recipes import quiet
from tests.loco_cli.build.docker import Docker

HINT = "correct the Dockerfile, then: loco deploy"


def test_without_a_step_that_failed_the_builders_words_are_the_reason() -> None:
    found = failure(Docker().engine(), quiet(), "dockerfile parse error")
    assert (found.message, found.hint, found.diagnosis) == ("the build failed: dockerfile parse error", HINT, None)


def test_a_step_that_failed_is_told_with_its_error_and_its_last_lines() -> None:
    progress = quiet()
    progress.step("1", "[1/2] RUN make")
    progress.output("1", "no rule\n")
    progress.end("1", "failed", error="exit code: 2", seconds=1.5)
    found = failure(Docker().engine(), progress, "failed to solve")
    assert (found.message, found.hint) == ("the build failed at step [1/2] RUN make", HINT)
    assert found.diagnosis == Diagnosis(
        phase="building", seconds=1.5, cause="build-step", message="exit code: 2", hint=HINT, lines=("no rule",)
    )


def test_a_step_without_words_of_its_own_has_the_builders() -> None:
    progress = quiet()
    progress.step("1", "[1/2] RUN make")
    progress.end("1", "failed")
    diagnosis = failure(Docker().engine(), progress, "failed to solve").diagnosis
    assert diagnosis is not None
    assert diagnosis.message == "failed to solve"


def test_a_secret_is_in_none_of_the_builders_words() -> None:
    progress = Progress(lambda _: None, hidden=["a-secret"])
    docker = Docker()
    assert failure(docker.engine(), progress, "a-secret is wrong").message == "the build failed: *** is wrong"
    progress.step("1", "[1/2] RUN make")
    progress.end("1", "failed")
    diagnosis = failure(docker.engine(), progress, "a-secret is wrong").diagnosis
    assert diagnosis is not None
    assert diagnosis.message == "*** is wrong"
