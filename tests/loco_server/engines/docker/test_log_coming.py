"""What a follower is told of an instance of which it was given lines before, out of another log of it."""

from collections.abc import Sequence
from typing import cast

import pytest

from loco_server.engines.base import AppRef, LogQuery
from loco_server.engines.docker.logs.hub import Batch, Hub, Joined
from loco_server.engines.docker.logs.stream import _Coming
from loco_server.engines.log_lines import KEPT, Mark, Marked
from loco_server.engines.log_position import Position
from loco_spec.events import LogLine

pytestmark = pytest.mark.anyio

NAME, CONTAINER, ANEW = "v2-2", "0123abcd", "4567cdef"
QUERY = LogQuery(app=AppRef(team="acme", team_id="t", app="shop", app_id="abcdefghij"), follow=True)


def at(milliseconds: int) -> str:
    return f"2030-01-02T03:04:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}000000Z"


def line(milliseconds: int, source: str) -> Marked:
    return Marked(LogLine(NAME, 2, at(milliseconds), f"line {milliseconds}"), 1, source)


class Told:
    """A hub that tells these batches, and no more."""

    def __init__(self, *batches: Batch) -> None:
        self._batches: list[Batch] | None = list(batches)

    async def after(self, _at: int) -> Sequence[Batch] | None:
        batches, self._batches = self._batches, None
        return batches


async def told(mark: Mark, lines: Sequence[Marked], *, ended: bool) -> list[str]:
    """Give what comes to whom the marked line was given last, where the hub has only now begun with the instance."""
    hub = Told(Batch(lines, frozenset({NAME} if ended else ()), 0))
    joined = Joined(0, 0, {}, frozenset())
    coming = _Coming(cast("Hub", hub), joined, QUERY, Position({NAME: mark}))
    return [each.text async for batch in coming.batches() for each in batch.lines]


async def test_what_is_kept_of_a_container_repeats_nothing_that_was_read_in_its_own_log() -> None:
    kept = [line(n, KEPT) for n in (100, 200, 300, 400)]
    assert await told(Mark(at(300), 1, CONTAINER), kept, ended=True) == ["line 400"]


async def test_kept_lines_that_lack_the_marked_one_are_all_told_in_the_end() -> None:
    kept = [line(n, KEPT) for n in (350, 400)]
    assert await told(Mark(at(300), 1, CONTAINER), kept, ended=True) == ["line 350", "line 400"]


async def test_a_log_that_is_there_still_repeats_nothing_that_was_read_in_what_is_kept_of_it() -> None:
    own = [line(n, CONTAINER) for n in (100, 200, 300, 400)]
    assert await told(Mark(at(300), 1, KEPT), own, ended=False) == ["line 400"]


@pytest.mark.parametrize("source", [KEPT, CONTAINER])
async def test_an_instance_that_was_made_anew_is_told_from_its_first_line_at_once(source: str) -> None:
    anew = [line(n, ANEW) for n in (5000, 5100)]
    assert await told(Mark(at(300), 1, source), anew, ended=False) == ["line 5000", "line 5100"]
