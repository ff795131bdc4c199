"""Read `moby.buildkit.trace`: BuildKit's StatusResponse as protobuf (api/services/control/control.proto).

StatusResponse: 1 Vertex vertexes · 3 VertexLog logs
Vertex:         1 digest · 3 name · 4 cached · 5 started · 6 completed · 7 error
VertexLog:      1 vertex · 4 msg
Timestamp:      1 seconds · 2 nanos
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Vertex:
    digest: str = ""
    name: str = ""
    cached: bool = False
    started: float | None = None
    completed: float | None = None
    error: str = ""

    @property
    def seconds(self) -> float:
        return 0.0 if self.started is None or self.completed is None else self.completed - self.started


@dataclass(frozen=True)
class Log:
    vertex: str
    text: str


@dataclass(frozen=True)
class Status:
    vertexes: tuple[Vertex, ...]
    logs: tuple[Log, ...]


def status(message: bytes) -> Status:
    """Read one message. What is cut off or unknown is passed over: progress is never worth failing for."""
    vertexes, logs = [], []
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            vertexes.append(_vertex(value))
        elif number == 3 and isinstance(value, bytes):
            parts = {key: found for key, found in _fields(value) if isinstance(found, bytes)}
            logs.append(Log(_text(parts.get(1)), _text(parts.get(4))))
    return Status(tuple(vertexes), tuple(logs))


def _vertex(message: bytes) -> Vertex:
    found = dict(_fields(message))
    return Vertex(
        digest=_text(found.get(1)),
        name=_text(found.get(3)),
        cached=bool(found.get(4, 0)),
        started=_timestamp(found.get(5)),
        completed=_timestamp(found.get(6)),
        error=_text(found.get(7)),
    )


def _timestamp(value: bytes | int | None) -> float | None:
    if not isinstance(value, bytes):
        return None
    parts = {key: found for key, found in _fields(value) if isinstance(found, int)}
    return parts.get(1, 0) + parts.get(2, 0) / 1e9


def _text(value: bytes | int | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Give number and value of each field (protobuf's wire format): varints as int, the rest as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind in {1, 5}:
            width = 8 if kind == 1 else 4
            yield number, message[at : at + width]
            at += width
        elif kind == 2:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
        shift += 7
    return value & 0xFFFF_FFFF_FFFF_FFFF, at  # as wide as a varint may be
