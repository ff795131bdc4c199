"""Server-sent events as the standard has them (WHATWG HTML, 9.2.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_cli.client.sse import Message, lines, messages
from loco_server.http import stream
from tests.loco_cli.samples import event


def read(*lines: str) -> list[Message]:
    return list(messages(lines))


def test_a_message_has_an_event_an_id_and_data() -> None:
    assert read("event: step", "id: 4", "data: text", "") == [Message("step", "4", "text")]


def test_a_message_without_a_name_is_a_message() -> None:
    assert read("data: text", "") == [Message("message", None, "text")]


def test_the_name_is_of_one_message_and_the_id_stays_for_the_next() -> None:
    assert read("event: a", "id: 4", "data: 1", "", "data: 2", "") == [
        Message("a", "4", "1"),
        Message("message", "4", "2"),
    ]


def test_lines_of_data_are_joined() -> None:
    assert read("data: one", "data", "data: three", "") == [Message("message", None, "one\n\nthree")]


@pytest.mark.parametrize(
    ("line", "data"), [("data:x", "x"), ("data: x", "x"), ("data:  x", " x"), ("data: a: b", "a: b")]
)
def test_one_space_after_the_colon_is_not_data(line: str, data: str) -> None:
    assert [message.data for message in read(line, "")] == [data]


def test_a_comment_says_at_once_that_the_connection_lives() -> None:
    assert read(": ping", "data: x", ":", "") == [
        Message("ping", None, "ping"),
        Message("ping", None, ""),
        Message("message", None, "x"),
    ]


def test_a_message_without_data_is_none_and_leaves_nothing_to_the_next() -> None:
    assert read("event: end", "", "data: x", "") == [Message("message", None, "x")]


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert read("retry: 10", "colour: red", "data: x", "") == [Message("message", None, "x")]


def test_what_is_cut_off_before_its_blank_line_is_no_message() -> None:
    assert read("data: whole", "", "event: step", "data: half") == [Message("message", None, "whole")]


@given(st.lists(st.text(alphabet="ab\r\n\v\f\x1c\x85\u2028\u2029")))
def test_lines_end_at_cr_lf_and_both_wherever_the_text_is_cut(parts: list[str]) -> None:
    whole = "".join(parts).removesuffix("\r")  # a CR at the end waits for what follows
    assert list(lines(parts)) == whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]


@given(st.text(), st.integers(1, 50))
def test_whatever_the_server_writes_is_read_back_in_pieces_of_any_size(text: str, size: int) -> None:
    sent = event(7, text)
    wire = b"".join(
        stream.encode(each) for each in (None, stream.Message("event", id="7", data=sent), stream.Message("end"))
    ).decode()
    ping, found, end = messages(lines(wire[at : at + size] for at in range(0, len(wire), size)))
    assert ping.event == "ping"
    assert (found.event, found.id, type(sent).model_validate_json(found.data)) == ("event", "7", sent)
    assert end.event == "end"
