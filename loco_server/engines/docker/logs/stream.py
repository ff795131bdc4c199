"""One reader's view of an app's log: what was, merged by time over all instances, then what comes."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs import reader
from loco_server.engines.docker.logs.follow import Follower
from loco_server.engines.docker.logs.sources import Sources, previous, sources
from loco_server.engines.log_choice import chosen
from loco_server.engines.log_lines import After, Mark, Marked, marked, text_of
from loco_server.engines.log_position import Position
from loco_spec.events import LogBatch, LogLine

BATCH = 500


async def stream(
    docker: Docker, listing: Listing, keeper: LogKeeper, query: LogQuery
) -> AsyncGenerator[LogBatch, None]:
    """Give batches, each with the position after it; without `follow` until all that is there was given.

    Raises:
        UsageError: the position is not one that an earlier batch carried.
        NotFound: the app has no instance of the name that is asked for.
        EngineDownError: the engine does not answer.
    """
    position = Position.decode(query.position)
    every = await sources(listing, keeper, query.app.app_id)
    there = every.only(chosen(query, every.names, position.marks))
    if query.previous:
        there = await previous(docker, there)
    notes = position.forget(every.names)
    if query.since is not None:
        start = Mark(text_of(query.since), 0)
        for name in there.names - position.marks.keys():
            position.marks[name] = start
    if notes:
        yield LogBatch(position=position.encode(), note="; ".join(notes))
    tail = query.tail
    history = _everything(docker, there, position) if tail is None else _tail(docker, there, position, tail)
    async with aclosing(history) as batches:
        async for lines in batches:
            yield _batch(position, lines)
    # What is kept of an instance that is gone has been read to its end just now.
    position.ended |= (there.names - every.containers.keys()) & position.marks.keys()
    if not query.follow:
        return
    async with Follower(docker, listing, keeper, query, position) as follower:
        while True:
            lines, ended = await follower.next(BATCH)
            merged = list(heapq.merge(*_by_instance(lines), key=_time)) if lines else []
            position.ended |= ended & position.marks.keys()
            if merged:
                yield _batch(position, merged)


def _batch(position: Position, lines: Sequence[Marked]) -> LogBatch:
    for line in lines:
        position.marks[line.line.instance] = line.mark
        position.ended.discard(line.line.instance)
    return LogBatch(position=position.encode(), lines=tuple(line.line for line in lines))


async def _everything(docker: Docker, there: Sources, position: Position) -> AsyncGenerator[list[Marked], None]:
    """Merge by time while reading: no more than a bound of lines per instance is ever in memory."""
    async with AsyncExitStack() as stack:
        heads = []
        for name in sorted(there.names):
            lines = _instance(docker, there, name, position.marks.get(name))
            await stack.enter_async_context(aclosing(lines))
            heads.append(_Head(lines))
        await asyncio.gather(*(head.fill() for head in heads))
        full = [(head.time, at, head) for at, head in enumerate(heads) if head.lines]
        heapq.heapify(full)
        batch: list[Marked] = []
        while full:
            _, at, head = heapq.heappop(full)
            batch.append(head.lines.popleft())
            if not head.lines:
                await head.fill()
            if head.lines:
                heapq.heappush(full, (head.time, at, head))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


class _Head:
    """The next lines of one instance."""

    def __init__(self, source: AsyncGenerator[list[Marked], None]) -> None:
        self._source = source
        self.lines: deque[Marked] = deque()

    @property
    def time(self) -> str:
        return self.lines[0].line.at

    async def fill(self) -> None:
        self.lines.extend(await anext(self._source, []))


async def _instance(
    docker: Docker, there: Sources, name: str, after: Mark | None
) -> AsyncGenerator[list[Marked], None]:
    """One instance after a mark: what is kept of it, then what the engine still has."""
    if name in there.kept:
        kept = kept_after(there.kept[name], after)
        if kept:
            after = kept[-1].mark
            yield kept
    if name in there.containers:
        before = there.before.get(name)
        async with aclosing(reader.read(docker, there.containers[name], after, before=before)) as chunks:
            async for lines in chunks:
                yield lines


async def _tail(docker: Docker, there: Sources, position: Position, count: int) -> AsyncGenerator[list[Marked], None]:
    """The newest lines of all. Everything older counts as given, also in instances none of whose lines are shown."""

    async def last_of(name: str) -> list[Marked]:
        after = position.marks.get(name)
        if after is not None or name in there.before:
            held: deque[Marked] = deque(maxlen=count + 1)
            async with aclosing(_instance(docker, there, name, after)) as chunks:
                async for some in chunks:
                    held.extend(some)
            return list(held)
        lines = kept_after(there.kept.get(name, ()), None)
        if name in there.containers:
            known = lines[-1].line.at if lines else ""
            last = await reader.newest(docker, there.containers[name], count + 1)
            lines += [line for line in last if line.line.at > known]
        return lines

    each = await asyncio.gather(*(last_of(name) for name in sorted(there.names)))
    before = dict(position.marks)
    for lines in each:
        if lines:
            position.marks[lines[-1].line.instance] = lines[-1].mark
    newest = list(deque(heapq.merge(*each, key=_time), maxlen=count))
    _rewind(position, before, newest, each)
    for start in range(0, len(newest), BATCH):
        yield newest[start : start + BATCH]


def _rewind(
    position: Position, before: Mapping[str, Mark], shown: Sequence[Marked], each: Sequence[Sequence[Marked]]
) -> None:
    """Set each instance's mark to the line before its first that is shown: a batch's position covers no later batch."""
    first: dict[str, Marked] = {}
    for line in shown:
        first.setdefault(line.line.instance, line)
    for lines in each:
        if not lines or lines[0].line.instance not in first:
            continue
        name = lines[0].line.instance
        at = lines.index(first[name])
        if at > 0:
            position.marks[name] = lines[at - 1].mark
        elif name in before:
            position.marks[name] = before[name]
        else:
            del position.marks[name]


def kept_after(lines: Sequence[LogLine], after: Mark | None) -> list[Marked]:
    gate = After(after)
    return [line for each in marked(lines) for line in gate.feed(each)] + gate.rest()


def _by_instance(lines: Sequence[Marked]) -> Iterator[list[Marked]]:
    groups: dict[str, list[Marked]] = {}
    for line in lines:
        groups.setdefault(line.line.instance, []).append(line)
    return iter(groups.values())


def _time(line: Marked) -> str:
    return line.line.at
