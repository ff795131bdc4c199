"""The roll: start the new, see it healthy, switch the traffic, take leave of the old. Every step may be found done."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loco_server.edge.base import Edge, EdgeApp, EdgeRejectedError
from loco_server.engines import explaining, rolling
from loco_server.engines.base import CapacityError, Rollout, RolloutFailedError, StaleAttemptError
from loco_server.engines.docker import health, images, listening, traffic
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.instances import Instances, together, told_when_late, while_ours
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.names import Found
from loco_server.engines.facts import Ended, Healthy
from loco_server.telemetry.metrics import phased
from loco_spec.errors import Diagnosis

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Between two questions after the health of a new instance, whatever its interval: a deploy waits for it."""
SHUTDOWN_SECONDS = 1.0
TOLD_SECONDS = 2.0
"""So long after a container's end its record may not say yet that the kernel ended it for want of memory."""
_STOPPED = frozenset({137, 143})
"""Exit codes of SIGKILL and SIGTERM."""
_KILLED = Ended(137)
FAILED_STOP_SECONDS = 1.0
"""What never served is not drained."""


@dataclass
class Roll(rolling.Rolling):
    told: Diagnosis | None = None
    """What is to be told although it went well."""

    @property
    def left(self) -> float:
        return max(0.0, self.rollout.timeout_seconds - self.seconds)


class Roller:
    def __init__(self, docker: Docker, instances: Instances, listing: Listing, edge: Edge) -> None:
        self._docker = docker
        self._instances = instances
        self._listing = listing
        self._edge = edge

    async def roll(self, roll: Roll) -> Diagnosis | None:
        """As `Engine.roll` promises."""
        app_id = roll.rollout.app.app_id
        former = self._edge.published().get(app_id)
        try:
            new = await self._start(roll)
            roll.enters("switching")
            serves = traffic.edge_app(roll.rollout, [found.address for found in new])
            await self._switch(roll, serves)
        except (RolloutFailedError, RefusedError, CapacityError, EdgeRejectedError) as error:
            failed = roll.failed(_explained(roll, error))
            await self._undo(roll, former)
            raise failed from error
        await self._leave_old(roll)
        return roll.told

    async def withdraw(self, rollout: Rollout) -> None:
        """As `Engine.withdraw` promises."""
        serving = traffic.serving(self._edge.published(), rollout.app.app_id)
        own = [found for found in (await self._instances.of(rollout)).values() if found.address not in serving]
        await together([self._instances.take_leave(found, FAILED_STOP_SECONDS) for found in own])

    @phased("start")
    async def _start(self, roll: Roll) -> list[Found]:
        """Give the deployment's instances, all healthy; adopt those that an earlier attempt made."""
        rollout = roll.rollout
        try:
            own = await self._instances.of(rollout)
        except StaleAttemptError:
            await roll.guard()  # it knows better words for this
            raise
        roll.enters("pulling")
        await self._pull(roll)
        roll.enters("starting")
        new = []
        for number in range(1, rollout.unit.replicas + 1):
            found = own.get(number)
            if found is None:
                await roll.guard()
                found = await self._instances.create(rollout, number)
            if not found.running:
                await roll.guard()
                await self._instances.start(rollout, found)
                await roll.emit(f"{found.name} started ({roll.seconds:.1f} s)")
            new.append(found)
        roll.enters("health")
        await while_ours(together([self._healthy(roll, found) for found in new]), roll.guard)
        for found in new:  # one may have ended while another was still waited for
            await self._runs(roll, found)
        return new

    @phased("pull")
    async def _pull(self, roll: Roll) -> None:
        await images.in_time(self._docker, roll.rollout, roll.left, emit=roll.emit, guard=roll.guard)

    async def _healthy(self, roll: Roll, found: Found) -> None:
        unit, started, pause = roll.rollout.unit, time.monotonic(), FIRST_PAUSE
        limit = min(unit.probe.grace, roll.left)
        while True:
            pid = await self._runs(roll, found)
            outcome = await health.check(found.address, unit)
            if isinstance(outcome, Healthy):
                await roll.emit(f"{found.name} is healthy ({time.monotonic() - started:.1f} s)")
                return
            lasted = time.monotonic() - started
            if lasted + pause > limit:
                await self._runs(roll, found)
                outcome = await health.looked_into(found.address, unit.probe, outcome)
                lines = await self._instances.last_lines(found)
                listeners = listening.of_process(pid)
                raise RolloutFailedError(explaining.unhealthy(unit, found.name, outcome, listeners, lines))
            if lasted >= rolling.LATE_SECONDS:
                found_out = explaining.unhealthy(unit, found.name, outcome, listening.of_process(pid))
                await roll.tell_waiting(found_out, lasted, limit)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE, max(FIRST_PAUSE, unit.probe.interval))

    async def _runs(self, roll: Roll, found: Found) -> int:
        """Give the pid of a running instance.

        Raises:
            RolloutFailedError: it ended: nothing is gained by waiting for it any longer.
        """
        state = await self._instances.state(found)
        if state is not None and state.running:
            return state.pid
        ended = state.ended if state is not None and state.ended is not None else _KILLED
        if ended.exit_code in _STOPPED and not ended.out_of_memory:
            # An engine that shuts down stops its containers first. Then nothing is concluded.
            await asyncio.sleep(SHUTDOWN_SECONDS)
            await self._docker.call("ping")
            ended = await self._ended(found) or ended
        lines = await self._instances.last_lines(found) if state is not None else []
        raise RolloutFailedError(explaining.ended(roll.rollout.unit, found.name, ended, lines))

    async def _ended(self, found: Found) -> Ended | None:
        """Look again at one that was killed, and by nobody of ours: why may be told a moment later."""
        until = time.monotonic() + TOLD_SECONDS
        while True:
            state = await self._instances.state(found)
            ended = None if state is None else state.ended
            if ended is None or ended.out_of_memory or ended.exit_code != _KILLED.exit_code:
                return ended
            if time.monotonic() > until:
                return ended
            await asyncio.sleep(FIRST_PAUSE)

    @phased("switch")
    async def _switch(self, roll: Roll, serves: EdgeApp) -> None:
        old = [found.drain_seconds for found in await self._old(roll)]
        await traffic.switch(
            self._edge,
            serves,
            drain_seconds=max(old, default=roll.rollout.unit.drain_seconds),
            emit=roll.emit,
            guard=roll.guard,
            version=roll.version,
        )

    @phased("stop")
    async def _leave_old(self, roll: Roll) -> None:
        """Whatever else the app has: other deployments, replicas too many, the release command that is done."""
        leaving = await self._old(roll)
        if not leaving:
            return
        await roll.guard()
        await together([self._leave(roll, found) for found in leaving])

    async def _leave(self, roll: Roll, found: Found) -> None:
        started = time.monotonic()

        async def tell() -> None:
            if found.number:
                await roll.emit(f"waiting for {found.name} to end on SIGTERM, for at most {found.drain_seconds:g} s")

        code = await told_when_late(self._instances.take_leave(found, found.drain_seconds), tell)
        if found.number:
            took = time.monotonic() - started
            killed = code == _KILLED.exit_code and took >= found.drain_seconds
            if killed:
                stuck = explaining.stuck(found.name, found.drain_seconds)
                roll.told = explaining.timed(stuck, took, roll.seconds)
            how = "did not end on SIGTERM and was killed" if killed else "stopped"
            await roll.emit(f"{found.name} {how} ({took:.1f} s)")

    async def _old(self, roll: Roll) -> Sequence[Found]:
        rollout = roll.rollout
        keep = range(1, rollout.unit.replicas + 1)
        return [
            found
            for found in await self._listing.now(rollout.app.app_id)
            if found.deployment != rollout.deployment or found.number not in keep
        ]

    async def _undo(self, roll: Roll, former: EdgeApp | None) -> None:
        """Let the former serve as before, then take away what this deployment started."""
        rollout = roll.rollout
        own = list((await self._instances.of(rollout)).values())
        if {found.address for found in own} & traffic.serving(
            {} if former is None else {rollout.app.app_id: former}, rollout.app.app_id
        ):
            # An earlier attempt had switched already, and the former routes are known to the records only: the new
            # instances serve until `reconcile` has led the traffic back.
            return
        await roll.guard()
        if self._edge.published().get(rollout.app.app_id) != former:
            if former is None:
                await self._edge.retire(rollout.app.app_id)
            else:
                await self._edge.publish(former)
        await together([self._instances.take_leave(found, FAILED_STOP_SECONDS) for found in own])


def _explained(roll: Roll, error: Exception) -> Diagnosis:
    match error:
        case RolloutFailedError(diagnosis=found):
            return found
        case CapacityError():
            return explaining.no_room(str(error))
        case EdgeRejectedError():
            return explaining.edge_rejected(str(error))
        case _:
            return explaining.refused(roll.version, str(error))
