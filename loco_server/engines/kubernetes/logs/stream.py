"""One reader's view of an app's log: what was, merged by time over all pods, then what comes, as pods come and go."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing

from loco_server.engines.base import LogKeeper, LogQuery
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.api import KubernetesApi, Object
from loco_server.engines.kubernetes.logs import pods
from loco_server.engines.kubernetes.logs.watching import View, Watching
from loco_server.engines.log_choice import chosen
from loco_server.engines.log_lines import After, Mark, Marked, marked, text_of
from loco_server.engines.log_position import Position
from loco_spec.events import LogBatch

BATCH = 500
QUEUE = 2000
"""Lines that wait for a slow reader; then its own pods' streams wait, and nobody else's."""
GATHER_SECONDS = 0.05


async def stream(
    api: KubernetesApi, keeper: LogKeeper, watching: Watching, query: LogQuery
) -> AsyncGenerator[LogBatch, None]:
    """Give batches, each with the position after it; without `follow` until all that is there was given.

    Raises:
        UsageError: the position is not one that an earlier batch carried.
        NotFound: the app has no instance of the name that is asked for.
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
    lines = list(await keeper.kept(query.app.app_id))
    for name in {line.instance for line in lines}:
        kept[name] = list(marked(line for line in lines if line.instance == name))
    known = frozenset(there) | frozenset(kept)
    wanted = chosen(query, known, position.marks)
    notes = position.forget(known)
    if query.since is not None:
        for name in wanted - position.marks.keys():
            position.marks[name] = Mark(text_of(query.since), 0)
    if notes:
        yield LogBatch(position=position.encode(), note="; ".join(notes))
    history = [
        await _history(api, there.get(name), kept.get(name, []), position.marks.get(name), query)
        for name in sorted(wanted)
    ]
    merged = list(heapq.merge(*history, key=lambda line: line.mark.at))
    if query.tail is not None:
        for line in merged[: len(merged) - query.tail]:
            position.marks[line.line.instance] = line.mark
        merged = merged[max(0, len(merged) - query.tail) :]
    for start in range(0, len(merged), BATCH):
        yield _batch(position, merged[start : start + BATCH])
    position.ended |= (wanted - there.keys()) & position.marks.keys()


async def _history(
    api: KubernetesApi, pod: Object | None, kept: Sequence[Marked], after: Mark | None, query: LogQuery
) -> list[Marked]:
    if pod is None:
        behind = After(after)
        found = [line for each in kept for line in behind.feed(each)]
        found += behind.rest()
    else:
        found = [line async for line in pods.read(api, pod, after=after, tail=query.tail, previous=query.previous)]
    return found if query.tail is None else found[max(0, len(found) - query.tail) :]


def _batch(position: Position, lines: Sequence[Marked]) -> LogBatch:
    for line in lines:
        position.marks[line.line.instance] = line.mark
        position.ended.discard(line.line.instance)
    return LogBatch(position=position.encode(), lines=tuple(line.line for line in lines))


async def _follow(
    api: KubernetesApi, watching: Watching, query: LogQuery, position: Position
) -> AsyncGenerator[LogBatch, None]:
    queue: asyncio.Queue[Marked | str] = asyncio.Queue(QUEUE)
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
                if query.instance not in {None, name}:
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
                merged = list(heapq.merge(*by_name.values(), key=lambda line: line.mark.at))
                batch = _batch(position, merged)
                position.ended |= ended & position.marks.keys()
                yield batch if not ended else batch.model_copy(update={"position": position.encode()})
            else:
                position.ended |= ended & position.marks.keys()


async def _gathered(queue: asyncio.Queue[Marked | str]) -> tuple[list[Marked], set[str]]:
    """Wait for the first, then take what comes within a moment, at most a batch."""
    lines: list[Marked] = []
    ended: set[str] = set()
    item: Marked | str | None = await queue.get()
    loop = asyncio.get_running_loop()
    until = loop.time() + GATHER_SECONDS
    while item is not None:
        if isinstance(item, str):
            ended.add(item)
        else:
            lines.append(item)
        if len(lines) >= BATCH:
            break
        try:
            async with asyncio.timeout_at(until):
                item = await queue.get()
        except TimeoutError:
            item = None
    return lines, ended
