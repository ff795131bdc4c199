"""What every engine promises of logs: nothing lost, nothing twice, in order, and nobody waits for a slow reader."""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from loco_server.engines.base import LogQuery, NothingKeptError, Rollout, RolloutFailedError
from loco_server.engines.docker import render
from loco_server.engines.docker.logs import hub
from loco_spec.errors import NotFound, UsageError
from loco_spec.events import LogBatch, LogLine
from tests.contract.engines import new_app
from tests.contract.test_engine import World, sh, web, world
from tests.inside import run_inside
from tests.waiting import eventually_async

__all__ = ["web", "world"]  # fixtures

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

# Serves, writes numbered lines on both streams in a burst, then waits to be told to go on.
BURST = (
    "trap 'echo last; exit 0' TERM; httpd -p 8080 -h /www;"
    " for i in $(seq $N); do echo out-$i; [ $((i % 7)) = 0 ] && echo err-$i >&2; done; echo ready;"
    " while :; do sleep 0.02; done"
)


def burst(n: int, **changes: Any) -> dict[str, Any]:
    return {"command": sh(BURST), "env": (("N", str(n)),), "cpu_millis": 2000, **changes}


async def _all(world: World, **query: Any) -> list[LogLine]:
    return [line for batch in await world.batches(**query) for line in batch.lines]


async def _written(world: World, count: int) -> None:
    async def ready() -> bool:
        return (await world.lines()).count("ready") == count

    await eventually_async(ready)


def _key(line: LogLine) -> tuple[str, str, str]:
    return (line.instance, line.at, line.text)


async def test_lines_of_all_instances_come_in_order_of_time(world: World) -> None:
    await world.roll(world.rollout(1, **burst(300, replicas=2)))
    await _written(world, 2)
    lines = await _all(world)
    assert len(lines) == 2 * (300 + 300 // 7 + 1)
    assert len({_key(line) for line in lines}) == len(lines)
    for instance in ("v1-1", "v1-2"):
        numbers = [line.text for line in lines if line.instance == instance and line.text.startswith("out-")]
        assert numbers == [f"out-{n}" for n in range(1, 301)]
    assert {line.stream for line in lines if line.text.startswith("err-")} == {"stderr"}
    # Within one container its own order stands, which may differ from that of time by moments.
    late = [earlier.at > later.at for earlier, later in pairwise(lines)]
    assert sum(late) < len(lines) / 10


@pytest.mark.parametrize("tail", [0, 1, 10, 100, 5000])
async def test_a_tail_is_the_newest_lines_of_all_instances_ended_ones_too(world: World, tail: int) -> None:
    await world.roll(world.rollout(1, **burst(20)))
    await _written(world, 1)
    await world.roll(world.rollout(2, **burst(30, replicas=2)))
    await _written(world, 3)
    everything = await _all(world)
    assert {line.instance for line in everything} == {"v1-1", "v2-1", "v2-2"}
    assert await _all(world, tail=tail) == everything[len(everything) - min(tail, len(everything)) :]


async def test_since_lets_through_what_is_newer(world: World) -> None:
    await world.roll(world.rollout(1, **burst(50)))
    await _written(world, 1)
    everything = await _all(world)
    moment = datetime.fromisoformat(everything[30].at[:26] + "+00:00")
    newer = await _all(world, since=moment)
    assert newer == [line for line in everything if line.at >= f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"]
    assert await _all(world, since=moment, tail=3) == everything[-3:]


async def test_resuming_at_any_batch_gives_the_rest_exactly(
    world: World, seed: int, size: Callable[[str], int]
) -> None:
    await world.roll(world.rollout(1, **burst(150)))
    await _written(world, 1)
    await world.roll(world.rollout(2, **burst(900, replicas=2)))
    await _written(world, 3)
    whole = await _all(world)
    seeded = random.Random(seed)  # noqa: S311
    for _ in range(size("log_cuts") // 4):
        got: list[LogLine] = []
        position: str | None = None
        while True:
            # Take some batches, drop the connection, come back with the position.
            take, last = seeded.randint(1, 3), position
            async with aclosing(_batches(world, position)) as batches:
                async for batch in batches:
                    got += batch.lines
                    position = batch.position
                    take -= 1
                    if not take:
                        break
            if position == last:
                break
        assert sorted(map(_key, got)) == sorted(map(_key, whole))


async def _batches(world: World, position: str | None, **query: Any) -> Any:
    async with aclosing(world.engine.logs(LogQuery(app=world.app, position=position, **query))) as batches:  # type: ignore[type-var]
        async for batch in batches:
            yield batch


async def test_cutting_a_followed_log_at_random_loses_and_repeats_nothing_across_a_redeploy(
    world: World, seed: int
) -> None:
    seeded = random.Random(seed)  # noqa: S311
    got: list[LogLine] = []
    notes: list[str] = []
    position: list[str | None] = [None]

    async def read() -> None:
        async with aclosing(_batches(world, position[0], follow=True)) as batches:
            async for batch in batches:
                got.extend(batch.lines)
                position[0] = batch.position
                notes.extend([batch.note] if batch.note else [])

    async def client() -> None:
        """A client on a bad line."""
        while True:
            reader = asyncio.create_task(read())
            try:
                await asyncio.sleep(seeded.uniform(0.05, 0.6))
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
            assert reader.cancelled() or reader.exception() is None, reader

    await world.roll(world.rollout(1, **burst(400)))
    reading = asyncio.create_task(client())
    await world.roll(world.rollout(2, **burst(700, replicas=2)))
    await _written(world, 3)
    await world.roll(world.rollout(3, **burst(200)))
    await _written(world, 4)
    whole = sorted(map(_key, await _all(world)))
    await eventually_async(lambda: _same(len(got) >= len(whole)), within=8)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert sorted(map(_key, got)) == whole
    assert notes == []


async def _same(value: bool) -> bool:
    return value


async def test_a_line_is_followed_within_a_second(world: World) -> None:
    await world.roll(world.rollout(1, **burst(1)))
    loop = asyncio.get_running_loop()
    async with aclosing(_batches(world, None, follow=True, tail=0)) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.5)
        wrote = loop.time()
        run_inside(world.container("v1-1"), "sh", "-c", "echo now > /proc/1/fd/1", user="10001").check_returncode()
        batch: LogBatch = await waiting
        assert [line.text for line in batch.lines] == ["now"]
        assert loop.time() - wrote < 1


async def test_odd_bytes_and_long_lines_come_whole(world: World) -> None:
    script = (
        "httpd -p 8080 -h /www; printf 'caf\\303\\251 \\377\\n'; head -c 40000 /dev/zero | tr '\\0' x; echo;"
        " head -c 100000 /dev/zero | tr '\\0' y; echo; echo ready; printf 'no end'; sleep 30"
    )
    await world.roll(world.rollout(1, command=sh(script), drain_seconds=0))
    await _written(world, 1)
    odd, long, longer, _ = await world.lines()
    assert odd == "café \N{REPLACEMENT CHARACTER}"
    assert long == "x" * 40_000
    assert longer == "y" * 65_536 + f" … ({100_000 - 65_536} bytes more)"
    assert await world.lines(tail=2) == [longer, "ready"]
    assert await world.lines(tail=3) == [long, longer, "ready"]
    await world.roll(world.rollout(2))
    assert [line.text for line in await world.keeper.kept(world.app.app_id)][-1] == "no end"


async def test_a_follower_gets_the_unended_last_line_of_an_instance_that_stopped(world: World) -> None:
    script = "trap 'exit 0' TERM; httpd -p 8080 -h /www; echo ready; printf 'no end'; while :; do sleep 0.02; done"
    await world.roll(world.rollout(1, command=sh(script)))
    seen: list[str] = []

    async def read() -> None:
        async for batch in _batches(world, None, follow=True):
            seen.extend(line.text for line in batch.lines)

    reader = asyncio.create_task(read())
    await eventually_async(lambda: _same(seen == ["ready"]))
    world.container("v1-1").stop(timeout=2)
    await eventually_async(lambda: _same(seen == ["ready", "no end"]), within=3)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)


async def test_a_slow_reader_costs_nobody_else_anything(world: World) -> None:
    await world.roll(world.rollout(1, **burst(4000)))
    await _written(world, 1)
    async with aclosing(_batches(world, None, follow=True)) as slow:
        await anext(slow)  # and never again
        assert len(await world.lines()) == 4000 + 4000 // 7 + 1
        assert [status.state for status in await world.engine.status(world.app)] == ["running"]
        await world.roll(world.rollout(2))
    assert world.names() == ["v2-1"]


async def test_what_was_not_kept_is_said_so(world: World) -> None:
    await world.roll(world.rollout(1, **burst(600)))
    await _written(world, 1)
    first = (await world.batches())[0]
    world.container("v1-1").remove(force=True)
    (batch,) = await world.batches(position=first.position)
    assert batch.note == f"v1-1: not kept since {first.lines[-1].at}"
    assert batch.lines == ()
    assert await world.batches(position=batch.position) == [], "said once"


async def test_a_position_that_is_none_is_refused(world: World) -> None:
    for text in ("nonsense", "e30x", "W10", "eyJhIjoxfQ"):
        with pytest.raises(UsageError):
            await world.batches(position=text)


async def test_an_instance_made_anew_keeps_its_name_and_all_its_lines(world: World) -> None:
    live = world.rollout(1, **burst(5))
    await world.roll(live)
    await _written(world, 1)
    seen: list[str] = []

    async def read() -> None:
        async for batch in _batches(world, None, follow=True):
            seen.extend(line.text for line in batch.lines)

    reader = asyncio.create_task(read())
    await eventually_async(lambda: _same(seen.count("ready") == 1))
    world.container("v1-1").stop(timeout=2)
    await world.engine.reconcile([live], frozenset())
    await eventually_async(lambda: _same(seen.count("ready") == 2))
    world.container("v1-1").remove(force=True)
    await world.engine.reconcile([live], frozenset())
    await eventually_async(lambda: _same(seen.count("ready") == 3))
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert seen.count("out-1") == 3
    assert seen.count("last") == 1


async def test_one_instance_is_read_alone_live_or_kept_and_tail_and_time_are_of_its_own_lines(world: World) -> None:
    await world.roll(world.rollout(1, **burst(20)))
    await _written(world, 1)
    await world.roll(world.rollout(2, **burst(30, replicas=2)))
    await _written(world, 3)
    everything = await _all(world)
    for name in ("v1-1", "v2-1", "v2-2"):
        own = [line for line in everything if line.instance == name]
        assert len(own) > 20
        assert await _all(world, instance=name) == own
        assert await _all(world, instance=name, tail=7) == own[-7:]
        moment = datetime.fromisoformat(own[10].at[:26] + "+00:00")
        newer = [line for line in own if line.at >= f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"]
        assert await _all(world, instance=name, since=moment) == newer
    (position,) = [batch.position for batch in await world.batches(instance="v2-1", tail=3)]
    assert await _all(world, instance="v2-1", position=position) == []


async def test_an_instance_that_the_app_does_not_have_is_told_with_those_that_it_has(world: World) -> None:
    await world.roll(world.rollout(1))
    await world.roll(world.rollout(2, replicas=2))
    with pytest.raises(NotFound, match=r"^shop has no instance 'v3-1', live or kept$") as caught:
        await world.batches(instance="v3-1")
    assert caught.value.hint == "one of v1-1, v2-1, v2-2"
    other = new_app(team_id=world.app.team_id)
    with pytest.raises(NotFound) as caught:
        [batch async for batch in world.engine.logs(LogQuery(app=other, instance="v2-1", follow=True))]
    assert caught.value.hint == "loco status: it has none"


async def test_one_instance_is_followed_alone_until_its_last_words_and_what_is_lost_of_it_is_said(world: World) -> None:
    await world.roll(world.rollout(1, **burst(5, replicas=2)))
    await _written(world, 2)
    got: list[LogBatch] = []

    async def read() -> None:
        async for batch in _batches(world, None, follow=True, instance="v1-2"):
            got.append(batch)  # noqa: PERF401  looked at while it grows

    reader = asyncio.create_task(read())
    await world.roll(world.rollout(2, **burst(5)))
    await eventually_async(lambda: _same(bool(got) and got[-1].lines[-1].text == "last"))
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    lines = [line for batch in got for line in batch.lines]
    assert lines == [line for line in await _all(world) if line.instance == "v1-2"]
    world.keeper.lines.clear()
    (batch,) = await world.batches(instance="v1-2", position=got[0].position)
    assert batch.note == f"v1-2: not kept since {got[0].lines[-1].at}"


# Says two lines, then waits; told to end, it says what it ends with, without an end of the line.
RUN = (
    "trap 'printf last; exit 0' TERM; httpd -p 8080 -h /www; echo first; echo second >&2; while :; do sleep 0.02; done"
)


async def _again(world: World, live: Rollout, run: int) -> None:
    """Let the instance end, and be started again."""
    world.container("v1-1").stop(timeout=2)

    async def said() -> bool:
        await world.engine.reconcile([live], frozenset())
        return (await world.lines()).count("second") == run

    await eventually_async(said)


async def test_what_is_over_is_all_but_what_running_containers_have_said_since_their_start(world: World) -> None:
    live = world.rollout(1, command=sh(RUN))
    await world.roll(live)
    await eventually_async(lambda: _lines_there(world, 2))
    assert await world.batches(previous=True) == []
    assert await world.batches(previous=True, tail=5) == []
    run = ["first", "second", "last"]
    await _again(world, live, 2)
    assert sorted(await world.lines(previous=True)) == sorted(run)
    first = await _all(world, previous=True)
    assert first[-1].text == "last", "it ends where the run did, and is not joined with the next one's first line"
    await _again(world, live, 3)
    both = await _all(world, previous=True)
    assert sorted(line.text for line in both) == sorted(run * 2)
    assert both[:3] == first
    assert await _all(world, previous=True, tail=2) == both[-2:]
    assert await _all(world, previous=True, instance="v1-1", tail=100) == both
    moment = datetime.fromisoformat(both[3].at[:26] + "+00:00")
    assert await _all(world, previous=True, since=moment) == both[3:]
    (batch,) = await world.batches(previous=True, tail=4)
    assert await world.batches(previous=True, position=batch.position) == []
    assert len(await world.lines(position=batch.position)) == 2, "the present run stands behind it"
    await world.engine.stop()
    assert len(await world.lines(previous=True)) == 9, "what is stopped is over"


async def test_a_line_that_a_run_left_open_is_not_joined_with_the_first_of_the_next_nor_hides_it(world: World) -> None:
    live = world.rollout(1, command=sh(RUN))
    await world.roll(live)
    seen: list[str] = []

    async def read() -> None:
        async for batch in _batches(world, None, follow=True):
            seen.extend(line.text for line in batch.lines)

    reader = asyncio.create_task(read())
    await eventually_async(lambda: _same(len(seen) == 2))
    await _again(world, live, 2)
    await eventually_async(lambda: _same(seen.count("second") == 2))
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    whole = ["first", "first", "last", "second", "second"]
    assert [sorted(found) for found in (seen, await world.lines(), await world.lines(tail=9))] == [whole] * 3


async def test_what_is_over_of_an_app_is_what_its_former_deployments_said(world: World) -> None:
    await world.roll(world.rollout(1, **burst(20)))
    await _written(world, 1)
    await world.roll(world.rollout(2, **burst(30)))
    await _written(world, 2)
    everything = await _all(world)
    assert await _all(world, previous=True) == [line for line in everything if line.instance == "v1-1"]
    assert await _all(world, previous=True, instance="v2-1") == []


async def _lines_there(world: World, count: int) -> bool:
    return len(await world.lines()) == count


async def test_the_lines_of_one_deployment_and_of_a_time_are_read_alone_live_ended_or_kept(world: World) -> None:
    await world.roll(world.rollout(1, **burst(20, replicas=2)))
    await _written(world, 2)
    await world.roll(world.rollout(2, **burst(30)))
    await _written(world, 3)
    everything = await _all(world)
    for number in (1, 2):
        own = [line for line in everything if line.deployment == number]
        assert len(own) > 20
        assert await _all(world, deployment=number) == own
        assert await _all(world, deployment=number, tail=7) == own[-7:]
        text = own[15].at[:26]
        older = [line for line in own if line.at < f"{text}000Z"]
        until = datetime.fromisoformat(f"{text}+00:00")
        assert await _all(world, deployment=number, until=until) == older
        assert await _all(world, deployment=number, until=until, tail=5) == older[-5:]
        instance = own[0].instance
        assert await _all(world, deployment=number, instance=instance, until=until, since=until) == []
    assert [line for line in await _all(world, previous=True, deployment=2) if line.deployment != 2] == []
    with pytest.raises(NotFound) as caught:
        await world.batches(instance="v1-1", deployment=2)
    assert caught.value.hint == "one of v2-1"
    with pytest.raises(NothingKeptError):
        await world.batches(deployment=3)


async def test_what_a_failed_deployment_said_is_followed_while_it_fails_and_read_afterwards(world: World) -> None:
    await world.roll(world.rollout(1))
    got: list[LogLine] = []

    async def read() -> None:
        async for batch in _batches(world, None, follow=True, deployment=2):
            got.extend(batch.lines)

    reader = asyncio.create_task(read())
    with pytest.raises(RolloutFailedError):
        await world.roll(world.rollout(2, command=sh("echo it breaks; exit 3")))
    await eventually_async(lambda: _same([line.text for line in got] == ["it breaks"]))
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert world.names() == ["v1-1"]
    assert await _all(world, deployment=2) == await _all(world, instance="v2-1") == got


async def test_a_follower_that_the_ring_has_gone_on_without_reads_on_in_the_logs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RING_LINES", 50)
    await world.roll(world.rollout(1))
    got: list[LogLine] = []
    async with aclosing(_batches(world, None, follow=True)) as slow:
        got += (await anext(slow)).lines
        await world.roll(world.rollout(2, **burst(3000)))
        await _written(world, 1)
        whole = await _all(world)
        async for batch in slow:
            assert batch.note is None
            got += batch.lines
            if len(got) >= len(whole):
                break
    assert sorted(map(_key, got)) == sorted(map(_key, whole))


SMALL = {"Type": "json-file", "Config": {"max-size": "20k", "max-file": "2"}}


async def test_lines_that_a_log_no_longer_has_are_told_to_who_resumes_and_counted_for_who_was_too_slow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "LOG", SMALL)
    monkeypatch.setattr(hub, "RING_LINES", 50)
    # No quicker than the engine itself can follow through files as small as these.
    slowly = "for i in $(seq 3000); do echo n-$i; [ $((i % 50)) = 0 ] && sleep 0.05; done"
    more = f"echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done; {slowly}"
    await world.roll(world.rollout(1, command=sh(f"httpd -p 8080 -h /www; {more}; echo ready; sleep 60")))
    got: list[LogBatch] = []
    async with aclosing(_batches(world, None, follow=True)) as slow:
        got.append(await anext(slow))
        run_inside(world.container("v1-1"), "touch", "/tmp/go", user="10001").check_returncode()
        await _written(world, 1)
        async for batch in slow:
            got.append(batch)
            if any(line.text == "ready" for line in batch.lines):
                break
        if not any(batch.note and batch.note.endswith("lines lost") for batch in got):
            got.append(await anext(slow))
    lines = [line for batch in got for line in batch.lines]
    first = lines[1]
    gap = f"v1-1: lines between {lines[0].at} and {first.at} may be missing"
    lost = 1 + 3000 + 1 - len(lines)
    assert lost > 1000
    assert [batch.note for batch in got if batch.note] == [gap, f"{lost} lines lost"]
    (resumed, *_) = await world.batches(position=got[0].position)
    assert (resumed.note, resumed.lines[0]) == (gap, first)


async def test_many_followers_of_one_app_get_each_line_once_from_one_reader(world: World) -> None:
    ticking = "httpd -p 8080 -h /www; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done"
    await world.roll(world.rollout(1, command=sh(ticking)))
    got: list[list[int]] = [[] for _ in range(100)]

    async def read(seen: list[int]) -> None:
        async for batch in _batches(world, None, follow=True, tail=1):
            seen.extend(int(line.text) for line in batch.lines)

    readers = [asyncio.create_task(read(seen)) for seen in got]
    await eventually_async(lambda: _same(all(len(seen) > 20 for seen in got)), within=30)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert all(seen == list(range(seen[0], seen[0] + len(seen))) for seen in got)
