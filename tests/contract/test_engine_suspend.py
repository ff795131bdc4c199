"""What every engine promises of an app that may not run, and of what instances take."""

import time

import pytest

from loco_server.edge.base import EdgeApp, EdgeRoute
from loco_server.engines.base import Suspension
from tests.contract.engines import MIB, new_app
from tests.contract.test_engine import World, get, web, world
from tests.waiting import eventually_async

__all__ = ["web", "world"]

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

NOTICE = "not today\n"


def suspension(world: World) -> Suspension:
    return Suspension(app=world.app, routes=world.unit().routes, notice=NOTICE)


def page(world: World) -> EdgeApp:
    return EdgeApp(world.app.app_id, (), (EdgeRoute("shop.localhost", "/", False, ""),), NOTICE)


async def test_a_suspended_app_is_killed_kept_and_says_so_and_goes_on_when_it_is_wanted_again(world: World) -> None:
    live = world.rollout(1, replicas=2)
    await world.roll(live)
    serving = world.served
    await world.engine.suspend(suspension(world))
    assert [each.status for each in world.containers()] == ["exited", "exited"]
    assert {each.attrs["State"]["ExitCode"] for each in world.containers()} == {137}  # nobody was asked to end
    assert world.served == page(world)
    await world.engine.suspend(suspension(world))
    await world.engine.reconcile([live], frozenset())
    assert [each.status for each in world.containers()] == ["running", "running"]
    assert world.served == serving
    assert get(serving.clusters[0].endpoints[0][0])


async def test_reconcile_keeps_what_is_suspended_down_and_its_notice_up(world: World) -> None:
    await world.roll(world.rollout(1))
    await world.engine.suspend(suspension(world))
    world.container("v1-1").start()
    await world.edge.retire(world.app.app_id)
    await world.engine.reconcile([], frozenset(), [suspension(world)])
    assert [each.status for each in world.containers()] == ["exited"]
    assert world.served == page(world)
    await world.engine.reconcile([], frozenset())
    assert world.names() == []


async def test_an_edge_that_does_not_answer_keeps_no_container_alive(world: World) -> None:
    await world.roll(world.rollout(1))
    world.edge.rejects = True
    with pytest.raises(Exception, match="what ran was stopped"):
        await world.engine.suspend(suspension(world))
    assert [each.status for each in world.containers()] == ["exited"]


async def test_an_app_that_never_ran_can_be_suspended(world: World) -> None:
    nothing = Suspension(app=new_app(), routes=(), notice=NOTICE)
    await world.engine.suspend(nothing)
    assert nothing.app.app_id not in world.edge.published()


async def test_usage_tells_what_each_running_instance_takes(world: World) -> None:
    await world.roll(world.rollout(1, command=("sh", "-c", "httpd -p 8080 -h /www; while :; do :; done")))

    container = world.container("v1-1")

    def spent() -> int:
        """Give the processor time in nanoseconds, as the kernel counts it."""
        counted: int = container.stats(stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"]
        return counted

    async def as_counted() -> bool:
        before, began = spent(), time.monotonic()
        [found] = await world.engine.usage()
        millis = (spent() - before) / 1e6 / (time.monotonic() - began)  # how much it gets, others decide
        assert (found.app, found.name) == (world.app, "v1-1")
        assert 0 < found.memory_bytes <= 64 * MIB
        return millis > 20 and 0.5 < found.cpu_millis / millis < 2

    await eventually_async(as_counted, within=30)
    container.kill()
    assert await world.engine.usage() == []
