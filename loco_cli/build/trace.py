"""What BuildKit tells (vertexes, their parts and logs), and how to read it from `moby.buildkit.trace`.

That is BuildKit's StatusResponse as protobuf (api/services/control/control.proto):

StatusResponse: 1 Vertex vertexes · 2 VertexStatus statuses · 3 VertexLog logs
Vertex:         1 digest · 3 name · 4 cached · 5 started · 6 completed · 7 error
VertexStatus:   1 ID · 2 vertex · 4 current · 5 total
VertexLog:      1 vertex · 4 msg
Timestamp:      1 seconds · 2 nanos
"""

from collections.abc import Iterator
from dataclasses import dataclass

from loco_cli.build.progress import Progress

_TRANSFERS = ("transferring", "sha256:")
"""What the names of parts begin with that are bytes on their way: a context, a layer."""

_CANCELLED = "context canceled"
"""What a step ends with that ran beside the one that failed."""


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
class Part:
    """Something that is transferred for a vertex: the context, a layer."""

    vertex: str
    name: str
    current: int
    total: int


@dataclass(frozen=True)
class Log:
    vertex: str
    data: bytes


@dataclass(frozen=True)
class Status:
    vertexes: tuple[Vertex, ...] = ()
    parts: tuple[Part, ...] = ()
    logs: tuple[Log, ...] = ()

    def tell(self, progress: Progress) -> None:
        """Pass on what is new."""
        for vertex in self.vertexes:
            if vertex.started is not None or vertex.cached or vertex.error:
                progress.step(vertex.digest, vertex.name)
            if vertex.error.endswith(_CANCELLED):
                progress.end(vertex.digest, "cancelled", seconds=vertex.seconds)
            elif vertex.error:
                progress.end(vertex.digest, "failed", error=vertex.error, seconds=vertex.seconds)
            elif vertex.cached:
                progress.end(vertex.digest, "cached", seconds=vertex.seconds)
            elif vertex.completed is not None:
                progress.end(vertex.digest, "done", seconds=vertex.seconds)
        for part in self.parts:
            if part.name.startswith(_TRANSFERS):
                progress.moved(part.vertex, part.name, part.current, part.total)
        for log in self.logs:
            progress.output(log.vertex, log.data)


def status(message: bytes) -> Status:
    """Read one message. What is cut off or unknown is passed over: progress is never worth failing for."""
    vertexes, parts, logs = [], [], []
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            vertexes.append(_vertex(value))
        elif number == 2 and isinstance(value, bytes):
            found = dict(_fields(value))
            parts.append(Part(_text(found.get(2)), _text(found.get(1)), _number(found.get(4)), _number(found.get(5))))
        elif number == 3 and isinstance(value, bytes):
            found = dict(_fields(value))
            data = found.get(4)
            logs.append(Log(_text(found.get(1)), data if isinstance(data, bytes) else b""))
    return Status(tuple(vertexes), tuple(parts), tuple(logs))


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


def _number(value: bytes | int | None) -> int:
    return value if isinstance(value, int) else 0


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
