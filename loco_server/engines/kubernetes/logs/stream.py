"""One reader's view of an app's log: what was, merged by time over all pods, then what comes, as pods come and go."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import datetime

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object
from loco_server.engines.kubernetes.logs import merging, pods
from loco_server.engines.kubernetes.logs.merging import BATCH, BATCH_BYTES, Lines
from loco_server.engines.kubernetes.logs.newest import cost
from loco_server.engines.kubernetes.logs.watching import View, Watching
from loco_server.engines.log_choice import chosen
from loco_server.engines.log_lines import SLACK_SECONDS, After, Mark, Marked, marked, seconds_of, text_of
from loco_server.engines.log_position import Position, batch_of
from loco_spec.events import LogBatch

QUEUE = 2000
QUEUE_BYTES = 4 << 20
"""Lines that wait for a slow reader; then its own pods' streams wait, and nobody else's."""
GATHER_SECONDS = 0.05


async def stream(
    api: KubernetesApi, keeper: LogKeeper, watching: Watching, query: LogQuery
) -> AsyncGenerator[LogBatch, None]:
    """Give batches, each with the position after it; without `follow` until all that is there was given.

    Raises:
        UsageError: the position is not one that an earlier batch carried.
        NotFound: the app has no instance of the name that is asked for.
        NothingKeptError: the deployment that is asked for has no instance.
        EngineDownError: the cluster does not answer.
    """
    position = Position.decode(query.position)
    async with aclosing(_past(api, keeper, query, position)) as batches:
        async for batch in batches:
            yield batch
    if query.follow:
        async with aclosing(_follow(api, watching, query, position)) as batches:
            async for batch in batches:
                yield batch


async def _past(
    api: KubernetesApi, keeper: LogKeeper, query: LogQuery, position: Position
) -> AsyncGenerator[LogBatch, None]:
    """What there is already. Apart, so that who follows for hours does not hold it all that time."""
    labels = {names.APP_ID: query.app.app_id}
    found, _ = await api.list(kinds.POD, names.namespace(query.app), labels=labels)
    there = {names.instance(pod)[0]: pod for pod in found}
    kept: dict[str, list[Marked]] = {}
    last_words = await keeper.kept(query.app.app_id)
    for name in {line.instance for line in last_words}:
        kept[name] = list(marked(line for line in last_words if line.instance == name))
    known = frozenset(there) | frozenset(kept)
    wanted = chosen(query, known, position.marks)
    notes = position.forget(known, wants=query.wants)
    if query.since is not None:
        for name in wanted - position.marks.keys():
            position.marks[name] = Mark(text_of(query.since), 0)
    if notes:
        yield LogBatch(position=position.encode(), note="; ".join(notes))
    sources = [
        _source(api, there.get(name), kept.get(name, []), position.marks.get(name), query) for name in sorted(wanted)
    ]
    lines = merging.everything(sources) if query.tail is None else _tail(sources, position, query.tail)
    async with aclosing(merging.batches(lines)) as batches:
        async for batch in batches:
            yield batch_of(position, batch)
    position.ended |= (wanted - there.keys()) & position.marks.keys()


async def _tail(sources: Sequence[Lines], position: Position, count: int) -> Lines:
    """The newest lines of all. What is older counts as given."""
    newest = await merging.newest(sources, count)
    position.marks.update(newest.dropped)
    for line in newest.lines:
        yield line


def _source(
    api: KubernetesApi, pod: Object | None, kept: Sequence[Marked], after: Mark | None, query: LogQuery
) -> Lines:
    """One instance's lines, those before `until`."""
    lines = _uncut(api, pod, kept, after, query)
    return lines if query.until is None else _before(lines, query.until)


async def _before(lines: Lines, until: datetime) -> Lines:
    end, last = text_of(until), int(until.timestamp()) + SLACK_SECONDS
    async with aclosing(lines):
        async for line in lines:
            if line.line.at < end:
                yield line
            elif seconds_of(line.line.at) > last:
                return


async def _uncut(
    api: KubernetesApi, pod: Object | None, kept: Sequence[Marked], after: Mark | None, query: LogQuery
) -> Lines:
    """One instance's lines, as they are read; of a pod that is over and has no log any more, what was kept of it."""
    if pod is not None:
        # Of a tail of none: where it goes on. The newest before a time are looked for among all.
        tail = None if query.tail is None or query.until is not None else max(1, query.tail)
        async with aclosing(pods.read(api, pod, after=after, tail=tail, previous=query.previous)) as read:
            async for line in read:
                kept = ()
                yield line
        if not kept or not await pods.is_gone(api, pod):
            return
    behind = After(after)
    for line in (*behind.feed_all(kept), *behind.rest()):
        yield line


async def _follow(
    api: KubernetesApi, watching: Watching, query: LogQuery, position: Position
) -> AsyncGenerator[LogBatch, None]:
    queue = _Queue(QUEUE)
    readers: dict[str, asyncio.Task[None]] = {}

    async def read(pod: Object, after: Mark | None) -> None:
        async with aclosing(pods.follow(api, pod, after)) as lines:
            async for line in lines:
                await queue.put(line)
        await queue.put(names.instance(pod)[0])

    async def mind(view: View) -> None:
        while True:
            for pod in view.pods:
                uid, name = pod["metadata"]["uid"], names.instance(pod)[0]
                if not query.wants(name):
                    continue
                if uid not in readers and pods.is_started(pod):
                    mark = position.marks.get(name)
                    if name not in position.ended:
                        readers[uid] = asyncio.create_task(read(pod, mark), name=f"log of {name}")
            await view.changed.wait()
            view.changed.clear()

    async with AsyncExitStack() as stack:
        view = await stack.enter_async_context(watching.of(query.app))
        minding = asyncio.create_task(mind(view), name="log readers")

        async def end() -> None:
            tasks = [minding, *readers.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        stack.push_async_callback(end)
        while True:
            lines, ended = await _gathered(queue)
            if lines:
                by_name: dict[str, list[Marked]] = {}
                for line in lines:
                    by_name.setdefault(line.line.instance, []).append(line)
                merged = list(heapq.merge(*by_name.values(), key=lambda line: line.line.at))
                batch = batch_of(position, merged)
                position.ended |= ended & position.marks.keys()
                yield batch if not ended else batch.model_copy(update={"position": position.encode()})
            else:
                position.ended |= ended & position.marks.keys()


class _Queue(asyncio.Queue["Marked | str"]):
    """Full too when what waits is large."""

    _bytes = 0

    def full(self) -> bool:
        return super().full() or self._bytes >= QUEUE_BYTES

    def _put(self, item: Marked | str) -> None:
        self._bytes += 0 if isinstance(item, str) else cost(item)
        super()._put(item)

    def _get(self) -> Marked | str:
        item: Marked | str = super()._get()
        self._bytes -= 0 if isinstance(item, str) else cost(item)
        return item


async def _gathered(queue: asyncio.Queue[Marked | str]) -> tuple[list[Marked], set[str]]:
    """Wait for the first, then take what comes within a moment, at most a batch."""
    lines: list[Marked] = []
    ended: set[str] = set()
    size = 0
    item: Marked | str | None = await queue.get()
    loop = asyncio.get_running_loop()
    until = loop.time() + GATHER_SECONDS
    while item is not None:
        if isinstance(item, str):
            ended.add(item)
        else:
            lines.append(item)
            size += cost(item)
        if len(lines) >= BATCH or size >= BATCH_BYTES:
            break
        try:
            async with asyncio.timeout_at(until):
                item = await queue.get()
        except TimeoutError:
            item = None
    return lines, ended
