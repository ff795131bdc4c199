"""Lines of several instances, merged by time while they are read: never all of them in memory."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TypeAlias

from loco_server.engines.kubernetes.logs.newest import Newest, cost
from loco_server.engines.log_lines import Marked

BATCH = 500
BATCH_BYTES = 1 << 20
NEWEST_BYTES = 16 << 20
"""A tail is of no more, however long its lines are."""

Lines: TypeAlias = AsyncGenerator[Marked, None]


async def batches(lines: Lines) -> AsyncGenerator[list[Marked], None]:
    batch: list[Marked] = []
    size = 0
    async with aclosing(lines):
        async for line in lines:
            batch.append(line)
            size += cost(line)
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


async def everything(sources: Sequence[Lines]) -> Lines:
    """Hold one line of each source: one that is not asked for its next holds its pod's stream back."""
    async with AsyncExitStack() as stack:
        for source in sources:
            await stack.enter_async_context(aclosing(source))
        firsts = await asyncio.gather(*(anext(source, None) for source in sources), return_exceptions=True)
        heads = []
        for at, line in enumerate(firsts):
            if isinstance(line, BaseException):
                raise line
            if line is not None:
                heads.append((line.line.at, at, line))
        heapq.heapify(heads)
        while heads:
            _, at, line = heads[0]
            yield line
            following = await anext(sources[at], None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.line.at, at, following))


async def newest(sources: Sequence[Lines], count: int) -> Newest:
    """Read one source after another, and hold no more than twice what is asked for."""
    found = Newest(count, NEWEST_BYTES)
    for source in sources:
        of_one = Newest(count, NEWEST_BYTES)
        async with aclosing(source):
            async for line in source:
                of_one.add(line)
        both = Newest(count, NEWEST_BYTES)
        both.dropped = found.dropped | of_one.dropped
        for line in heapq.merge(found.lines, of_one.lines, key=lambda each: each.line.at):
            both.add(line)
        found = both
    return found
