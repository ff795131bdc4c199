"""What a build tells while it runs."""

from loco_cli.build.progress import Progress, Step


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []
        self.progress = Progress(lambda step: self.steps.append((step.name, step.state)))


def test_a_step_is_told_once_at_its_beginning_and_once_at_its_end() -> None:
    told = Told()
    for _ in range(2):
        told.progress.step("5", "[1/2] RUN make")
        told.progress.step("5")
    told.progress.end("5", "done", seconds=1.5)
    told.progress.end("5", "failed", error="too late")
    assert told.steps == [("[1/2] RUN make", "running"), ("[1/2] RUN make", "done")]
    assert told.progress.step("5").seconds == 1.5
    assert told.progress.failed is None


def test_a_step_without_a_name_is_told_when_it_gets_one_and_keeps_the_first() -> None:
    told = Told()
    told.progress.step("5").say("a line that came before the name")
    assert told.steps == []
    told.progress.step("5", "[1/2] RUN make")
    told.progress.step("5", "extracting")
    assert told.steps == [("[1/2] RUN make", "running")]
    assert told.progress.step("5").lines == ["a line that came before the name"]


def test_a_step_keeps_its_last_twenty_lines_and_no_blank_ones() -> None:
    step = Step("x")
    step.say("\n".join(f"{n}\n  " for n in range(30)))
    step.say("last\r\n")
    assert step.lines == [*(str(n) for n in range(11, 30)), "last"]


def test_the_first_step_that_failed_is_the_one() -> None:
    progress = Told().progress
    progress.step("1", "[1/2] FROM base")
    progress.end("2", "failed", error="one", seconds=2)
    progress.end("3", "failed", error="two")
    assert progress.failed == Step("", "failed", 2, [], "one")


def test_the_dockerfiles_own_steps_are_counted_and_those_from_the_cache() -> None:
    progress = Told().progress
    for key, name, state in (
        ("1", "[internal] load build definition", "cached"),
        ("2", "[1/3] FROM base", "cached"),
        ("3", "[build 2/3] RUN make", "cached"),
        ("4", "[3/3] COPY . .", "done"),
        ("5", "exporting to image", "done"),
    ):
        progress.step(key, name)
        progress.end(key, state)
    assert progress.counts() == (3, 2)
