"""Read one container's log: its last lines, all of it after a mark, or on and on as it is written."""

import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.logs.wire import frames
from loco_server.engines.docker.names import Found
from loco_server.engines.log_lines import KEPT, SLACK_SECONDS, After, LineReader, Mark, Marked, Repeated, seconds_of

KEPT_BYTES = 1 << 20
KEPT_LINES = 20_000
STREAM_BYTES = 4 << 20
LAG_SECONDS = 0.5


async def newest(docker: Docker, container: Found, count: int) -> list[Marked]:
    """Give the last lines, at most so many. An unknown container has none.

    The engine counts pieces of long lines as lines, and two lines of one timestamp must be counted from the first:
    where its tail may begin in the midst of either, the whole log is read.
    """
    if count <= 0:
        return []
    reader, seen, lines, first_whole = _lines(container), 0, list[Marked](), True
    try:
        async with aclosing(frames(docker.url, container.id, tail=count + 1)) as found:
            async for some in found:
                for kind, frame in some:
                    seen += 1
                    if seen == 1:
                        first_whole = frame.endswith(b"\n")
                    if (line := reader.feed(kind, frame)) is not None:
                        lines.append(line)
    except RefusedError as error:
        if error.missing or error.conflict:
            return []
        raise
    if not container.running:
        lines += reader.rest()
    if seen <= count:
        return lines
    if first_whole and len(lines) == seen and lines[0].line.at != lines[1].line.at:
        return lines[1:]
    last = deque[Marked](maxlen=count)
    async with aclosing(read(docker, container, None)) as all_of_it:
        async for chunk in all_of_it:
            last.extend(chunk)
    return list(last)


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
) -> AsyncGenerator[Sequence[Marked], None]:
    """Give what stands behind the mark, in the log's own order, as it is read; with `follow` until the container ends.

    With `before`, a time at which the container did not run: what it had said until then. A container that is gone has
    nothing more to say.
    """
    mark = in_log_of(container, after)
    params: dict[str, str | int] = {"follow": int(follow)}
    if mark is not None:
        params["since"] = f"{seconds_of(mark.at) - SLACK_SECONDS}.{mark.at[20:29].rstrip('Z') or 0}"
    reader, gate = _lines(container), After(mark)
    # What is older than the marked line, and stands before all that is not, is passed over unread. Behind the marked
    # line older ones may stand that are wanted.
    old = b"" if mark is None else mark.at.encode()
    over, size, repeated = False, 0, Repeated()
    try:
        async with aclosing(frames(docker.url, container.id, **params)) as found:
            async for some in found:
                lines, new = [], gate.is_open
                for kind, frame in some:
                    if old and frame[: len(old)] < old:
                        continue
                    old = b""
                    if before is not None and frame[: len(before)] >= before.encode():
                        over = True
                        break
                    if (line := reader.feed(kind, frame)) is not None:
                        lines.append(line)
                if follow:
                    lines = [line for line in lines if not repeated.has(line)]
                if passed := gate.feed_all(lines):
                    yield passed
                size += sum(len(frame) for _, frame in some) if follow and new else 0
                # Far behind what is written, the engine may pass over a whole file when it has read one to its end,
                # and say nothing. A new stream begins in a file that holds the last line, or tells the gap.
                over = over or (size > STREAM_BYTES and bool(lines) and _lag(lines[-1]) > LAG_SECONDS)
                if over:
                    break
    except RefusedError as error:
        # 404: gone. 409: going. Another refusal is worth telling.
        if error.missing or error.conflict:
            return
        raise
    # What a running container has not ended yet is not a line yet: the next read gives it whole.
    rest = list(reader.rest()) if before is not None or not (follow or container.running) else []
    if last := [*gate.feed_all(rest), *gate.rest()]:
        yield last


def _lag(line: Marked) -> float:
    return time.time() - seconds_of(line.line.at) - 1


def source(container: Found) -> str:
    return container.id[:8]


def in_log_of(container: Found, mark: Mark | None) -> Mark | None:
    """Give the mark if its line can stand in this container's log: an instance of this name may have been made anew."""
    if mark is None or mark.source in {"", source(container)}:
        return mark
    # What is kept was written by a container that has ended: this one, if it has.
    return mark if mark.source == KEPT and not container.running else None


def _lines(container: Found) -> LineReader:
    return LineReader(container.name, container.deployment, source(container))
