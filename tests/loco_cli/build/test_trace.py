"""BuildKit's progress as protobuf: read where it is whole, passed over where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loco_cli.build.progress import Progress
from loco_cli.build.trace import Log, Part, Status, Vertex, status
from tests.loco_cli.build.protobuf import CACHED, completed, error, field, log, started, vertex

WHOLE = (
    vertex("sha256:a", "[1/2] FROM base", started(10), completed(12, 500_000_000))
    + log("sha256:a", "hello\n")
    + vertex("sha256:b", "[2/2] RUN make", CACHED)
)


def test_vertexes_and_logs_are_read_in_their_order() -> None:
    assert status(WHOLE) == Status(
        vertexes=(
            Vertex("sha256:a", "[1/2] FROM base", started=10, completed=12.5),
            Vertex("sha256:b", "[2/2] RUN make", cached=True),
        ),
        logs=(Log("sha256:a", b"hello\n"),),
    )


def test_a_vertex_took_the_time_between_its_start_and_its_end() -> None:
    [found] = status(vertex("a", "x", started(10), completed(12, 500_000_000))).vertexes
    assert found.seconds == 2.5
    assert Vertex(started=1).seconds == 0
    assert Vertex(completed=1).seconds == 0


def test_a_vertex_may_have_failed() -> None:
    [found] = status(vertex("a", "x", error("exit code: 1"))).vertexes
    assert found.error == "exit code: 1"


def test_nothing_is_nothing() -> None:
    assert status(b"") == Status()


def test_fields_of_every_kind_that_are_not_known_are_passed_over() -> None:
    eight = bytes([9 << 3 | 1]) + b"12345678"
    four = bytes([9 << 3 | 5]) + b"1234"
    unknown = field(9, 1234567) + eight + four + field(4, b"warnings")
    assert status(unknown + WHOLE) == status(WHOLE)


def test_a_field_of_another_kind_than_it_should_be_is_as_if_it_were_not_there() -> None:
    assert status(field(1, 5) + field(3, 5)) == Status()
    [found] = status(field(1, field(1, 5) + field(3, 5) + field(5, 5))).vertexes
    assert found == Vertex()


def test_text_that_is_no_utf_8_is_given_as_it_is() -> None:
    assert status(log("a", b"caf\xe9")).logs == (Log("a", b"caf\xe9"),)


def test_bytes_on_their_way_are_read() -> None:
    part = field(1, "transferring context:") + field(2, "sha256:a") + field(4, 300) + field(5, 70_000)
    assert status(field(2, part)).parts == (Part("sha256:a", "transferring context:", 300, 70_000),)


def test_a_message_that_is_cut_off_gives_what_was_whole() -> None:
    first = len(vertex("sha256:a", "[1/2] FROM base", started(10), completed(12, 500_000_000)))
    for end in range(len(WHOLE)):
        found = status(WHOLE[:end])
        assert len(found.vertexes) <= 2
        if end >= first:
            assert found.vertexes[0] == status(WHOLE).vertexes[0]


def test_a_number_that_does_not_end_is_no_moment_beyond_all_floats() -> None:
    endless = b"\xff" * 200 + b"\x7f"
    [found] = status(vertex("a", "x", field(5, b"\x08" + endless + b"\x10" + endless))).vertexes
    assert found.started is not None
    assert found.started < 2**65


@given(st.binary() | st.lists(st.sampled_from([WHOLE[n : n + 5] for n in range(0, 60, 3)])).map(b"".join))
def test_no_bytes_raise(message: bytes) -> None:
    found = status(message)
    assert all(isinstance(each.seconds, float) for each in found.vertexes)


def told(*vertexes: Vertex, parts: tuple[Part, ...] = (), logs: tuple[Log, ...] = ()) -> Progress:
    progress = Progress(lambda _: None)
    Status(vertexes, parts, logs).tell(progress)
    return progress


def test_a_vertex_that_has_not_begun_is_not_told() -> None:
    assert told(Vertex("a", "[1/1] RUN")).counts() == (0, 0)


@pytest.mark.parametrize(
    ("vertex", "state"),
    [
        (Vertex("a", "[1/1] RUN", started=1), "running"),
        (Vertex("a", "[1/1] RUN", started=1, completed=2), "done"),
        (Vertex("a", "[1/1] RUN", started=1, completed=1, cached=True), "cached"),
        (Vertex("a", "[1/1] RUN", cached=True), "cached"),
        (Vertex("a", "[1/1] RUN", started=1, completed=2, error="exit code: 7"), "failed"),
        (Vertex("a", "[1/1] RUN", started=1, completed=2, error="rpc error: context canceled"), "cancelled"),
    ],
)
def test_a_vertex_is_a_step_in_its_state(vertex: Vertex, state: str) -> None:
    assert told(vertex).step("a").state == state


def test_only_bytes_on_their_way_are_told_as_such() -> None:
    vertex = Vertex("a", "[1/1] FROM base", started=1)
    parts = (Part("a", "sha256:layer", 5, 10), Part("a", "extracting sha256:layer", 900, 0), Part("a", "resolve", 3, 0))
    assert told(vertex, parts=parts, logs=(Log("a", b"text\n"),)).step("a").moved == (5, 10)
