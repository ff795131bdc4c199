"""One reader's view of an app's log: what was, merged by time over all instances, then what comes."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.docker.client import Docker
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs import reader
from loco_server.engines.docker.logs.hub import Hub, Hubs, Joined
from loco_server.engines.docker.logs.sources import Sources, previous, sources
from loco_server.engines.log_choice import chosen
from loco_server.engines.log_lines import KEPT, SLACK_SECONDS, After, Mark, Marked, marked, seconds_of, text_of
from loco_server.engines.log_position import Position, batch_of
from loco_spec.events import LogBatch, LogLine

BATCH = 500


async def stream(
    docker: Docker, listing: Listing, keeper: LogKeeper, hubs: Hubs, query: LogQuery
) -> AsyncGenerator[LogBatch, None]:
    """Give batches, each with the position after it; without `follow` until all that is there was given.

    Raises:
        UsageError: the position is not one that an earlier batch carried.
        NotFound: the app has no instance of the name that is asked for.
        NothingKeptError: the deployment that is asked for has no instance.
        EngineDownError: the engine does not answer.
    """
    position = Position.decode(query.position)
    if not query.follow:
        async with aclosing(_past(docker, listing, keeper, query, position)) as batches:
            async for batch in batches:
                yield batch
        return
    async with hubs.of(query.app.app_id) as hub:
        told: int | None = None
        while True:
            joined, given = hub.join(), 0
            past = _past(docker, listing, keeper, query, position, lambda there: there.joining(joined.last, hub.last))  # noqa: B023
            async with aclosing(past) as batches:
                async for batch in batches:
                    given += len(batch.lines)
                    yield batch
            lost = 0 if told is None or _is_narrow(query) else joined.lines - told - given
            if lost > 0:
                yield LogBatch(position=position.encode(), note=f"{lost} lines lost")
            query, coming = replace(query, tail=None), _Coming(hub, joined, query, position)
            async with aclosing(coming.batches()) as batches:
                async for batch in batches:
                    yield batch
            told = coming.told  # so slow that the ring has gone on without it: it reads on in the logs themselves


async def _past(
    docker: Docker,
    listing: Listing,
    keeper: LogKeeper,
    query: LogQuery,
    position: Position,
    cut: Callable[[Sources], Sources] = lambda there: there,
) -> AsyncGenerator[LogBatch, None]:
    every = await sources(listing, keeper, query)
    there = cut(every.only(chosen(query, every.names, position.marks)))
    if query.previous:
        there = await previous(docker, there)
    notes = position.forget(every.names, wants=query.wants)
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
            yield batch_of(position, lines)
    # What is kept of an instance that is gone has been read to its end just now.
    position.ended |= (there.names - every.containers.keys() - there.upto.keys()) & position.marks.keys()


class _Coming:
    """What is told of the wanted instances, up to where it was told too much meanwhile."""

    def __init__(self, hub: Hub, joined: Joined, query: LogQuery, position: Position) -> None:
        self._hub = hub
        self._at = joined.at
        self._query = query
        self._position = position
        self.told = joined.lines
        marks = position.marks
        position.ended |= {name for name in joined.ended & marks.keys() if marks[name] == joined.last[name]}
        # Of these more has been read than was told when it joined.
        self._ahead = {name: mark for name, mark in marks.items() if joined.last.get(name) != mark}
        self._gates = {name: After(mark) for name, mark in self._ahead.items() if name not in position.ended}

    async def batches(self) -> AsyncGenerator[LogBatch, None]:
        position, narrow = self._position, _is_narrow(self._query)
        while (batches := await self._hub.after(self._at)) is not None:
            self._at += len(batches)
            for batch in batches:
                self.told += len(batch.lines)
                lines = batch.lines
                if narrow:
                    lines = [line for line in lines if self._query.wants(line.line.instance)]
                if self._gates:
                    lines = [passed for line in lines for passed in self._passed(line)]
                    # What is read to its end has no marked line that could still come.
                    lines += [
                        held for name in batch.ended & self._gates.keys() for held in self._gates.pop(name).rest()
                    ]
                given = batch_of(position, lines) if lines else None
                if ended := batch.ended & position.marks.keys():
                    position.ended |= ended
                    given = given and given.model_copy(update={"position": position.encode()})
                if given:
                    yield given

    def _passed(self, line: Marked) -> Sequence[Marked]:
        name = line.line.instance
        gate = self._gates.get(name)
        if gate is None:
            return (line,)
        if _is_anew(self._ahead[name], line):
            del self._gates[name]
            return (line,)
        passed = gate.feed(line)
        if gate.is_open:
            del self._gates[name]
        return passed


def _is_anew(mark: Mark, line: Marked) -> bool:
    """Whether the line stands in another log than the marked one, for the instance was made anew.

    What is kept of a container is its own log once more, and no container says anything a second after its end.
    """
    if mark.source == KEPT and line.source != KEPT:
        return seconds_of(line.line.at) > seconds_of(mark.at) + SLACK_SECONDS
    return mark.source not in {"", line.source} and line.source != KEPT


def _is_narrow(query: LogQuery) -> bool:
    return query.instance is not None or query.deployment is not None


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
            if not full:  # nothing to merge it with
                batch += head.lines
                head.lines.clear()
            else:
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

    def __init__(self, source: AsyncGenerator[Sequence[Marked], None]) -> None:
        self._source = source
        self.lines: deque[Marked] = deque()

    @property
    def time(self) -> str:
        return self.lines[0].line.at

    async def fill(self) -> None:
        self.lines.extend(await anext(self._source, []))


async def _instance(
    docker: Docker, there: Sources, name: str, after: Mark | None
) -> AsyncGenerator[Sequence[Marked], None]:
    """One instance after a mark: what is kept of it, then what the engine still has."""
    upto = there.upto.get(name)
    if name in there.upto and (upto is None or upto == after):
        return
    async with aclosing(_uncut(docker, there, name, after)) as chunks:
        async for lines in chunks:
            wanted = [line for line in lines if line.line.at < there.until] if there.until else lines
            end = _end(wanted, upto)
            if wanted:
                yield wanted[:end]
            if end is not None or (there.until and _is_past(lines[0].line.at, there.until)):
                return


def _is_past(at: str, until: str) -> bool:
    """Whether no line from before that time stands behind one of `at`."""
    return seconds_of(at) > seconds_of(until) + SLACK_SECONDS


def _end(lines: Sequence[Marked], upto: Mark | None) -> int | None:
    """How many of the lines are wanted; None: all, and what follows them."""
    if upto is None or not lines or lines[-1].line.at < upto.at:
        return None
    return next((n for n, line in enumerate(lines, 1) if line.is_at(upto)), None)


async def _uncut(
    docker: Docker, there: Sources, name: str, after: Mark | None
) -> AsyncGenerator[Sequence[Marked], None]:
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

    async def last_of(name: str) -> Sequence[Marked]:
        after = position.marks.get(name)
        if after is not None or name in there.before or there.until:
            held: deque[Marked] = deque(maxlen=count + 1)
            async with aclosing(_instance(docker, there, name, after)) as chunks:
                async for some in chunks:
                    held.extend(some)
            return list(held)
        upto = there.upto.get(name)
        if name in there.upto and upto is None:
            return ()
        lines = kept_after(there.kept.get(name, ()), None)
        if name in there.containers:
            known = lines[-1].line.at if lines else ""
            last = await reader.newest(docker, there.containers[name], count + 1)
            lines += [line for line in last if line.line.at > known]
        return lines[: _end(lines, upto)]

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
    return [*gate.feed_all(list(marked(lines))), *gate.rest()]


def _time(line: Marked) -> str:
    return line.line.at
