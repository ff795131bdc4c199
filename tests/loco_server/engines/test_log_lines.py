"""Frames to lines, lines behind a mark, and the text of a position."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_server.engines.docker.logs.stream import kept_after
from loco_server.engines.log_lines import LINE_MAX, SLACK_SECONDS, After, Counter, LineReader, Mark, marked, seconds_of
from loco_server.engines.log_position import Position
from loco_spec.errors import UsageError
from loco_spec.events import LogLine


def at(second: int, nano: int = 0) -> str:
    return f"2026-11-24T04:00:{second:02d}.{nano:09d}Z"


def frame(when: str, text: str, *, ends: bool = True) -> bytes:
    return f"{when} {text}{chr(10) if ends else ''}".encode()


def test_pieces_of_a_long_line_are_put_together_per_stream() -> None:
    reader = LineReader("v1-1", 1)
    assert reader.feed("stdout", frame(at(1), "ab", ends=False)) is None
    other = reader.feed("stderr", frame(at(2), "err"))
    assert other is not None
    assert (other.line.text, other.line.stream) == ("err", "stderr")
    whole = reader.feed("stdout", frame(at(1), "cd"))
    assert whole is not None
    assert (whole.line.text, whole.line.at, whole.line.stream) == ("abcd", at(1), "stdout")


def test_a_line_beyond_the_limit_says_how_much_is_missing() -> None:
    reader = LineReader("v1-1", 1)
    reader.feed("stdout", frame(at(1), "x" * LINE_MAX, ends=False))
    line = reader.feed("stdout", frame(at(1), "yy"))
    assert line is not None
    assert line.line.text == "x" * LINE_MAX + " … (2 bytes more)"


def test_bytes_that_were_left_out_before_are_counted_too() -> None:
    line = LineReader("v1-1", 1).feed("stdout", frame(at(1), "x" * (LINE_MAX + 3)), 4)
    assert line is not None
    assert line.line.text == "x" * LINE_MAX + " … (7 bytes more)"


def test_what_the_end_left_open_is_a_line_too() -> None:
    reader = LineReader("v1-1", 1)
    reader.feed("stdout", frame(at(1), "tail", ends=False))
    assert [line.line.text for line in reader.rest()] == ["tail"]
    assert list(reader.rest()) == []


def test_bytes_that_are_no_text_and_carriage_returns_do_no_harm() -> None:
    line = LineReader("v1-1", 1).feed("stdout", at(1).encode() + b" caf\xe9 \xff\r\n")
    assert line is not None
    assert line.line.text == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"


def lines(*times: str) -> list[LogLine]:
    return [LogLine(instance="v1-1", deployment=1, at=when, text=f"{n}") for n, when in enumerate(times)]


# Times of few different values, so that several lines share one, and some stand out of order by less than a second.
logs = st.lists(st.integers(0, 40), max_size=30).map(
    lambda steps: lines(*(at(10 + n // 3, (steps[n] % 7) * 100_000_000) for n in range(len(steps))))
)


@given(logs, st.data())
def test_what_stands_behind_a_mark_and_what_stands_before_it_are_the_whole(
    log: list[LogLine], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(log)))
    mark = list(marked(log))[cut - 1].mark if cut else None
    assert [line.line for line in kept_after(log, mark)] == log[cut:]


def test_a_marked_line_that_was_rotated_away_is_replaced_by_its_time() -> None:
    log = lines(at(10), at(11), at(12), at(20))
    assert [line.line.text for line in kept_after(log, Mark(at(11, 5), 1))] == ["2", "3"]
    gate = After(Mark(at(5), 1))
    passed = [line.line.text for each in marked(log) for line in gate.feed(each)]
    assert passed == ["0", "1", "2", "3"], "without waiting for the end"


def test_mark_zero_stands_before_all_lines_of_its_time() -> None:
    log = lines(at(10), at(11), at(11), at(12))
    assert [line.line.text for line in kept_after(log, Mark(at(11), 0))] == ["1", "2", "3"]


@given(st.dictionaries(st.from_regex(r"v[1-9]-([1-9]|release)", fullmatch=True), st.integers(1, 9)), st.data())
def test_a_position_comes_back_as_it_went(counts: dict[str, int], data: st.DataObject) -> None:
    marks = {name: Mark(at(n), n, "0123abcd") for name, n in counts.items()}
    ended = set(data.draw(st.sets(st.sampled_from(sorted(marks))))) if marks else set()
    position = Position(dict(marks), ended)
    back = Position.decode(position.encode())
    assert (back.marks, back.ended) == (marks, ended)
    assert [mark.source for mark in back.marks.values()] == ["0123abcd"] * len(marks)


def test_of_the_lines_before_a_mark_none_is_held() -> None:
    gate = After(Mark(at(2), 1))
    for line in marked(lines(*(at(1, nano) for nano in range(1000)))):
        assert gate.feed(line) == []
    assert len(gate) == 0


def test_no_position_is_the_start() -> None:
    assert Position.decode(None) == Position()


@pytest.mark.parametrize("text", ["x", "e30x", "W10", "eyJhIjoxfQ", "eyJhIjpbIngiLDEsIiJdfQ", "\N{SNOWMAN}"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Position.decode(text)


VECTORS = [
    {"v1-1": ["x" * 19 + "Z", 1, ""]},
    {"v1-1": ["2026-13-24T04:00:01Z", 1, ""]},
    {"v1-1": ["0001-01-01T00:00:00Z", 1, ""]},
    {"v1-1": ["2026-11-24T04:00:01.0000000000Z", 1, ""]},
    {"v1-1": [at(1), float("inf"), ""]},
    {"v1-\ud800": [at(1), 1, ""]},
]


@pytest.mark.parametrize("text", [*map(json.dumps, VECTORS), "[" * 100_000])
def test_positions_that_nobody_was_given_are_a_mistake_of_the_readers(text: str) -> None:
    with pytest.raises(UsageError):
        Position.decode(base64.urlsafe_b64encode(text.encode()).decode())


def test_only_instances_not_read_to_their_end_are_told_as_lost() -> None:
    position = Position({"v1-1": Mark(at(1), 1), "v2-1": Mark(at(2), 1), "v3-1": Mark(at(3), 1)}, {"v1-1"})
    assert position.forget(frozenset({"v3-1"})) == (f"v2-1: not kept since {at(2)}",)
    assert set(position.marks) == {"v3-1"}


def test_seconds_are_those_of_utc() -> None:
    assert seconds_of("1970-01-02T00:00:01.5Z") == 86_401


def test_times_that_come_no_more_are_forgotten() -> None:
    counter = Counter()
    for second in range(50):
        assert [counter.next(at(second)) for _ in range(2)] == [1, 2]
        assert second < SLACK_SECONDS or counter.next(at(second - SLACK_SECONDS)) == 3, "it came out of order"
    assert len(counter) <= SLACK_SECONDS + 3
