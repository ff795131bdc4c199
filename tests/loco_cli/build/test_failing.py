from loco_cli.build.failing import failure
from loco_spec.errors import BuildFailed, Diagnosis, Fact, ImageRefused, LocoError, PushFailed


def found(phase: str, message: str, *, lines: tuple[str, ...] = ()) -> Diagnosis:
    return Diagnosis(
        phase=phase,
        seconds=1.5,
        cause="build-step",
        message=message,
        hint="correct it",
        evidence=(Fact(name="step", text="RUN false"),),
        lines=lines,
    )


def test_a_failed_step_is_told_with_its_reason_and_its_last_lines() -> None:
    error = BuildFailed(
        "the build failed at step RUN false",
        hint="correct it",
        diagnosis=found("building", "exit code: 1", lines=("a", "b")),
    )
    told = failure(error)
    assert (told.phase, told.cause, told.seconds) == ("building", "build-step", 1.5)
    assert told.message == "the build failed at step RUN false: exit code: 1"
    assert told.lines == ("a", "b")
    assert [(fact.name, fact.text) for fact in told.evidence] == [("step", "RUN false")]


def test_a_reason_that_is_the_message_is_not_said_twice() -> None:
    told = failure(ImageRefused("it runs as root", hint="USER 10001", diagnosis=found("checking", "it runs as root")))
    assert (told.phase, told.message) == ("checking", "it runs as root")


def test_what_has_no_diagnosis_is_told_by_its_code() -> None:
    for error, phase, cause in (
        (PushFailed("denied"), "pushing", "push-failed"),
        (BuildFailed("no Dockerfile"), "building", BuildFailed.code),
        (LocoError("odd"), "building", "failed"),
    ):
        told = failure(error)
        assert (told.phase, told.cause, told.message) == (phase, cause, error.message)


def test_what_is_longer_than_the_server_takes_is_cut() -> None:
    long = found("building", "x" * 5000, lines=tuple("y" * 5000 for _ in range(50)))
    long = long.model_copy(
        update={"hint": "z" * 5000, "evidence": tuple(Fact(name="n" * 500, text="t" * 5000) for _ in range(50))}
    )
    told = failure(BuildFailed("w" * 5000, diagnosis=long))
    assert (len(told.message), len(told.hint), len(told.lines), len(told.lines[0])) == (2000, 1000, 20, 2000)
    assert (len(told.evidence), len(told.evidence[0].name), len(told.evidence[0].text)) == (20, 100, 1000)


def test_what_no_json_can_carry_is_replaced_and_an_empty_message_has_the_code() -> None:
    assert failure(BuildFailed("no \udcff here")).message == "no ? here"
    assert failure(BuildFailed("")).message == "build-failed"


def test_every_error_has_a_code_that_the_server_takes_for_a_cause() -> None:
    for error in LocoError.by_code.values():
        assert failure(error("x")).cause == error.code
