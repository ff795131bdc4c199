"""Read one container's log: its last lines, all of it after a mark, or on and on as it is written."""

import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterator

from loco_server.engines.docker.client import Docker, LogStream, RefusedError
from loco_server.engines.docker.logs.pipe import Pipe
from loco_server.engines.docker.names import Found
from loco_server.engines.log_lines import KEPT, SLACK_SECONDS, After, LineReader, Mark, Marked, seconds_of

BOUND = 1000
"""Lines that wait between the engine and a reader, per container."""
PIECE_BYTES = 16 << 10
"""Of a line that is longer the engine makes pieces of so many bytes, without a line feed but for the last."""
KEPT_BYTES = 1 << 20
KEPT_LINES = 20_000


async def newest(docker: Docker, container: Found, count: int) -> list[Marked]:
    """Give the last lines, at most so many. An unknown container has none.

    The engine counts pieces of long lines as lines, and two lines of one timestamp must be counted from the first:
    where its tail may begin in the midst of either, the whole log is read.
    """
    if count <= 0:
        return []
    lines: list[Marked] = await docker.run(lambda _sdk: _newest(docker, container, count))
    return lines


async def last_words(docker: Docker, container: Found) -> list[Marked]:
    """What is kept of an instance that ends: its last megabyte."""
    lines = await newest(docker, container, KEPT_LINES)
    size, kept = 0, deque[Marked]()
    for line in reversed(lines):
        size += len(line.line.text.encode()) + 1
        if size > KEPT_BYTES:
            break
        kept.appendleft(line)
    return list(kept)


async def read(
    docker: Docker, container: Found, after: Mark | None, *, follow: bool = False, before: str | None = None
) -> AsyncGenerator[list[Marked], None]:
    """Give what stands behind the mark, in the log's own order, as it is read; with `follow` until the container ends.

    With `before`, a time at which the container did not run: what it had said until then. A container that is gone has
    nothing more to say. One thread each, ended with the iteration.
    """
    mark = in_log_of(container, after)
    params: dict[str, object] = {"follow": int(follow)}
    if mark is not None:
        params["since"] = seconds_of(mark.at) - SLACK_SECONDS
    pipe: Pipe[Marked] = Pipe(BOUND)
    opened: list[LogStream] = []
    arguments = (docker, container, mark, before, params, pipe, opened)
    thread = threading.Thread(target=_pump, args=arguments, name=f"log-{container.name}", daemon=True)
    thread.start()
    try:
        while lines := await pipe.take():
            yield lines
    finally:
        pipe.close()
        for stream in opened:
            stream.close()


def source(container: Found) -> str:
    return container.id[:8]


def in_log_of(container: Found, mark: Mark | None) -> Mark | None:
    """Give the mark if its line can stand in this container's log: an instance of this name may have been made anew."""
    if mark is None or mark.source in {"", source(container)}:
        return mark
    # What is kept was written by a container that has ended: this one, if it has.
    return mark if mark.source == KEPT and not container.running else None


def _pump(
    docker: Docker,
    container: Found,
    mark: Mark | None,
    before: str | None,
    params: dict[str, object],
    pipe: Pipe[Marked],
    opened: list[LogStream],
) -> None:
    try:
        gate = After(mark)
        stream = docker.open_log(container.id, **params)
        opened.append(stream)
        if pipe.closed:
            stream.close()
            return
        # What a running container has not ended yet is not a line yet: the next read gives it whole.
        for line in _lines(stream, container, rest=not params["follow"] and not container.running, before=before):
            for passed in gate.feed(line):
                if not pipe.put(passed):
                    stream.close()
                    return
        for passed in gate.rest():
            if not pipe.put(passed):
                return
    except RefusedError as error:
        # 404: gone. 409: going. Another refusal is worth telling.
        pipe.end(None if error.missing or error.conflict else error)
    except BaseException as error:  # noqa: BLE001  carried to the taker, who raises it
        pipe.end(error)
    else:
        pipe.end()


def _newest(docker: Docker, container: Found, count: int) -> list[Marked]:
    try:
        stream = docker.open_log(container.id, tail=count + 1)
    except RefusedError as error:
        if error.missing or error.conflict:
            return []
        raise
    reader, frames, lines = LineReader(container.name, container.deployment, source(container)), 0, list[Marked]()
    first_whole = True
    for kind, frame in _frames(stream):
        frames += 1
        if frames == 1:
            first_whole = frame.endswith(b"\n")
        if (line := reader.feed(kind, frame)) is not None:
            lines.append(line)
    if not container.running:
        lines += reader.rest()
    if frames <= count:
        return lines
    clean = first_whole and len(lines) == frames and lines[0].mark.at != lines[1].mark.at
    if clean:
        return lines[1:]
    last = deque[Marked](maxlen=count)
    last.extend(_lines(docker.open_log(container.id), container, rest=not container.running))
    return list(last)


def _lines(stream: LogStream, container: Found, *, rest: bool, before: str | None = None) -> Iterator[Marked]:
    reader = LineReader(container.name, container.deployment, source(container))
    for kind, frame in _frames(stream):
        if before is not None and frame[: len(before)] >= before.encode():
            break
        if (line := reader.feed(kind, frame)) is not None:
            yield line
    if rest or before is not None:
        yield from reader.rest()


def _frames(stream: LogStream) -> Iterator[tuple[str, bytes]]:
    """Give each frame, with a line feed where a run's output ended without: the next run's is no part of that line."""
    for kind, frame in stream.frames():
        ends = frame.endswith(b"\n") or len(frame) - frame.find(b" ") - 1 >= PIECE_BYTES
        yield kind, frame if ends else frame + b"\n"
