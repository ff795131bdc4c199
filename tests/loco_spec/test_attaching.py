import pytest
from pydantic import ValidationError

from loco_spec.attaching import Channel, End, ExecStart, ForwardStart, RunStart, Window, packed, unpacked
from loco_spec.limits import COMMAND_MOST


def test_what_is_packed_is_unpacked_whatever_it_is() -> None:
    for data in (b"", b"\x00", b"hello\n", bytes(range(256))):
        message = packed(Channel.STDERR, data)
        assert message[0] == Channel.STDERR
        assert unpacked(message) == (Channel.STDERR, data)


def test_a_channel_of_a_newer_version_is_told_and_an_empty_message_has_none() -> None:
    assert unpacked(b"\xc8later") == (200, b"later")
    assert unpacked(b"") == (-1, b"")


@pytest.mark.parametrize("command", [(), ("",), ("sh", "a\0b")])
def test_what_cannot_be_started_is_no_command(command: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="command"):
        ExecStart(command=command)


def test_a_command_has_a_most_in_bytes_and_not_in_characters() -> None:
    assert RunStart(command=("sh", "ü" * (COMMAND_MOST // 2 - 1))).seconds == 3600
    with pytest.raises(ValidationError, match="expected at most 64 KiB in all"):
        RunStart(command=("sh", "ü" * (COMMAND_MOST // 2)))


def test_bytes_of_a_command_line_that_are_no_text_are_counted_and_let_through() -> None:
    assert ExecStart(command=("cat", "\udcff")).command == ("cat", "\udcff")


def test_a_window_a_port_and_a_time_have_their_bounds() -> None:
    assert Window(columns=80, rows=24).model_dump() == {"columns": 80, "rows": 24}
    for wrong in ({"columns": 0, "rows": 24}, {"columns": 80, "rows": 2**15}):
        with pytest.raises(ValidationError):
            Window(**wrong)
    for port in (0, 65536):
        with pytest.raises(ValidationError):
            ForwardStart(port=port)
    for seconds in (0, 24 * 3600 + 1):
        with pytest.raises(ValidationError):
            RunStart(command=("true",), seconds=seconds)


def test_an_end_says_either_a_code_or_a_problem_or_neither() -> None:
    assert End().model_dump() == {"exit_code": None, "problem": None}
    assert End(exit_code=130).exit_code == 130
