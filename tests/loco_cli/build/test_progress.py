import pytest

from loco_cli.build.progress import LAST_LINES, Progress, Step


class Told:
    """What a listener was told, as (name, state) at that time."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.now = 100.0
        self.progress = Progress(self._listen, hidden=["a-secret"], clock=lambda: self.now)

    def _listen(self, step: Step) -> None:
        self.seen.append((step.name, step.state))


def test_a_step_is_told_when_it_has_a_name_when_it_moves_and_when_it_ends() -> None:
    told = Told()
    told.progress.step("1")
    told.progress.step("1", "[1/2] FROM base")
    told.progress.step("1", "[1/2] FROM base")
    told.progress.moved("1", "layer", 10, 20)
    told.progress.moved("1", "layer", 10, 20)
    told.progress.end("1", "done")
    told.progress.end("1", "failed")
    assert told.seen == [("[1/2] FROM base", "running")] * 2 + [("[1/2] FROM base", "done")]


def test_a_step_lasts_as_long_as_the_builder_says_or_else_as_it_was_seen_to() -> None:
    told = Told()
    told.progress.step("1", "one")
    told.progress.step("2", "two")
    told.now = 103.5
    told.progress.end("1", "done")
    told.progress.end("2", "done", seconds=1.25)
    assert (told.progress.step("1").seconds, told.progress.step("2").seconds) == (3.5, 1.25)


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"o", b"ne\n", b"two"], ["one", "two"]),
        ([b"gr\xc3", b"\xbcn\n"], ["grün"]),
        (["text\n", "more\n"], ["text", "more"]),
        ([b" 1%\r 50%\r100%\r\n"], ["100%"]),
        ([b"\x1b[31mred\x1b[0m and \x1b[1;32mgreen\x1b[K\n"], ["red and green"]),
        ([b"\n  \n\n"], []),
        ([b"bad \xff\n"], ["bad \N{REPLACEMENT CHARACTER}"]),
        (["half \ud800\n"], ["half ?"]),
    ],
)
def test_output_becomes_lines_however_it_is_cut(pieces: list[bytes | str], lines: list[str]) -> None:
    told = Told()
    for piece in pieces:
        told.progress.output("1", piece)
    told.progress.end("1", "done")
    assert told.progress.step("1").lines == lines


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    told = Told()
    for _ in range(200):
        told.progress.output("1", b"x" * 1000)
    assert len(told.progress.step("1").open) < 70_000


def test_the_newest_lines_are_kept_with_the_step_and_all_in_the_log() -> None:
    told = Told()
    told.progress.step("1", "[1/1] RUN many")
    for n in range(50):
        told.progress.output("1", f"line {n}\n")
    assert told.progress.step("1").lines == [f"line {n}" for n in range(50 - LAST_LINES, 50)]
    assert "  line 0\n" in told.progress.log.text


def test_the_log_tells_steps_output_and_ends_without_what_is_hidden() -> None:
    told = Told()
    told.progress.step("a", "[1/3] FROM base")
    told.progress.end("a", "cached")
    told.progress.step("b", "[2/3] RUN make")
    told.progress.output("b", "with a-secret inside\n")
    told.progress.end("b", "done", seconds=1.5)
    told.progress.step("c", "[3/3] RUN test")
    told.progress.end("c", "failed", seconds=0.5, error="exit code: 7")
    assert told.progress.log.text.splitlines() == [
        "#1 [1/3] FROM base",
        "#1 cached",
        "#2 [2/3] RUN make",
        "#2   with *** inside",
        "#2 done in 1.5 s",
        "#3 [3/3] RUN test",
        "#3 failed after 0.5 s: exit code: 7",
    ]


def test_what_is_hidden_is_not_in_the_lines_and_the_error_of_a_step_either() -> None:
    told = Told()
    told.progress.output("1", "\x1b[31mwith a-secret inside\x1b[0m\n")
    told.progress.end("1", "failed", error="a-secret is wrong")
    failed = told.progress.step("1")
    assert (failed.lines, failed.error) == (["with *** inside"], "*** is wrong")


def test_bytes_add_up_and_the_whole_is_known_only_when_every_part_is() -> None:
    told = Told()
    told.progress.moved("1", "layer a", 10, 20)
    told.progress.moved("1", "layer b", 5, 5)
    assert told.progress.step("1").moved == (15, 25)
    told.progress.moved("1", "layer c", 7)
    assert told.progress.step("1").moved == (22, 0)


def test_only_the_dockerfiles_own_steps_are_counted() -> None:
    told = Told()
    for key, name, state in (
        ("1", "[internal] load build context", "done"),
        ("2", "[1/2] FROM base", "cached"),
        ("3", "[2/2] RUN make", "done"),
        ("4", "exporting to image", "done"),
    ):
        told.progress.step(key, name)
        told.progress.end(key, state)
    assert told.progress.counts() == (2, 1)


def test_the_step_that_failed_is_found_among_those_that_were_cancelled_for_it() -> None:
    told = Told()
    for key, state in (("1", "cancelled"), ("2", "failed"), ("3", "done")):
        told.progress.step(key, f"[{key}/3] RUN")
        told.progress.end(key, state)
    assert told.progress.failed is told.progress.step("2")
