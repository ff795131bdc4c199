"""The release command: once per deployment, in a container named after it, so that a resumed worker finds it again."""

import asyncio
import time
from datetime import UTC, datetime

from loco_server.engines import explaining
from loco_server.engines.base import (
    CapacityError,
    Emit,
    Guard,
    ReleaseResult,
    Rollout,
    RolloutFailedError,
    StaleAttemptError,
)
from loco_server.engines.docker import images
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.instances import Instances, State, while_ours
from loco_server.engines.docker.names import Found

POLL_SECONDS = 0.2


class Releaser:
    def __init__(self, docker: Docker, instances: Instances) -> None:
        self._docker = docker
        self._instances = instances

    async def release(
        self, rollout: Rollout, command: tuple[str, ...], *, timeout_seconds: float, emit: Emit, guard: Guard
    ) -> ReleaseResult:
        """As `Engine.release` promises.

        The ended container stays until the roll, or `reconcile`, takes leave of it: a worker that dies before it has
        recorded the result asks again, and must not run the command twice.
        """
        started = time.monotonic()
        try:
            try:
                found = (await self._instances.of(rollout)).get(0)
            except StaleAttemptError:
                await guard()  # it knows better words for this
                raise
            if found is None:
                await images.in_time(self._docker, rollout, rollout.timeout_seconds, emit=emit, guard=guard)
                await guard()
                found = await self._instances.create(rollout, 0, command=command)
            if found.state == "created":
                await guard()
                await self._instances.start(rollout, found)
                await emit("the release command runs")
            else:
                await emit("found the release command of an earlier attempt")
            return await while_ours(self._result(found, timeout_seconds, emit), guard)
        except RolloutFailedError as error:
            took = time.monotonic() - started
            raise RolloutFailedError(explaining.timed(error.diagnosis, took, took)) from error
        except CapacityError as error:
            took = time.monotonic() - started
            raise RolloutFailedError(explaining.timed(explaining.no_room(str(error)), took, took)) from error
        except RefusedError as error:
            said = explaining.refused("the release command", error.message, "releasing")
            raise RolloutFailedError(explaining.timed(said, time.monotonic() - started)) from error

    async def _result(self, found: Found, limit: float, emit: Emit) -> ReleaseResult:
        lines: list[str] = []
        while (state := await self._instances.state(found)) is not None:
            if state.ended is not None:
                lines = await self._instances.last_lines(found)
                await emit(f"the release command ended with exit code {state.ended.exit_code} ({_ran(state):.1f} s)")
                return ReleaseResult(exit_code=state.ended.exit_code, lines=tuple(lines))
            if _ran(state) > limit:
                await self._instances.kill(found)
                lines = await self._instances.last_lines(found)
                raise RolloutFailedError(explaining.release_late(limit, lines))
            await asyncio.sleep(POLL_SECONDS)
        return ReleaseResult(exit_code=None, lines=tuple(lines))


def _ran(state: State) -> float:
    """Seconds since its start, whoever started it."""
    if state.started_at is None:
        return 0.0
    until = state.finished_at if state.ended is not None and state.finished_at is not None else datetime.now(UTC)
    return max(0.0, (until - state.started_at).total_seconds())
