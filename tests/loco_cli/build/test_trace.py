"""The bytes are made here by protobuf's rules, field by field."""

import pytest

from loco_cli.build import trace
from loco_cli.build.progress import Progress
from loco_cli.build.trace import Log, Part, Vertex


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def time(seconds: int, nanos: int = 0) -> bytes:
    return field(1, seconds) + field(2, nanos)


STEP = field(1, b"sha256:a") + field(2, b"sha256:input") + field(3, "[2/2] RUN grün".encode())


def test_vertexes_parts_and_logs_are_read() -> None:
    vertex = STEP + field(5, time(10)) + field(6, time(12, 500_000_000))
    part = field(1, b"transferring context:") + field(2, b"sha256:a") + field(4, 300) + field(5, 70_000)
    log = field(1, b"sha256:a") + field(3, 1) + field(4, b"raw \xff\n")
    found = trace.status(field(1, vertex) + field(2, part) + field(3, log))
    assert found.vertexes == (Vertex("sha256:a", "[2/2] RUN grün", started=10.0, completed=12.5),)
    assert found.vertexes[0].seconds == 2.5
    assert found.parts == (Part("sha256:a", "transferring context:", 300, 70_000),)
    assert found.logs == (Log("sha256:a", b"raw \xff\n"),)


def test_unknown_fields_of_every_kind_are_passed_over() -> None:
    unknown = field(9, 5) + varint(10 << 3 | 1) + bytes(8) + varint(11 << 3 | 5) + bytes(4) + field(12, b"text")
    assert trace.status(unknown + field(1, unknown + STEP)).vertexes[0].name == "[2/2] RUN grün"


@pytest.mark.parametrize("cut", range(len(field(1, STEP))))
def test_a_message_that_is_cut_anywhere_is_no_reason_to_fail(cut: int) -> None:
    trace.status(field(1, STEP)[:cut])


def test_groups_which_nobody_sends_any_more_end_the_reading() -> None:
    assert trace.status(varint(3 << 3 | 3) + field(1, STEP)).vertexes == ()


def told(*vertexes: Vertex, parts: tuple[Part, ...] = (), logs: tuple[Log, ...] = ()) -> Progress:
    progress = Progress(lambda _: None)
    trace.Status(vertexes, parts, logs).tell(progress)
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
