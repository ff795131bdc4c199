"""One container at a time: make, start, look at, take leave of."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from loco_server.engines import explaining
from loco_server.engines.base import Guard, LogKeeper, Rollout, RolloutFailedError, StaleAttemptError
from loco_server.engines.docker import names, render
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.logs import reader
from loco_server.engines.docker.names import Found
from loco_server.engines.docker.networks import Networks
from loco_server.engines.facts import Ended
from loco_server.engines.log_lines import marked

T = TypeVar("T")

LATE_SECONDS = 2.0
GUARD_SECONDS = 1.0
"""A person who cancels in the middle of a long wait waits for so long."""


@dataclass(frozen=True)
class State:
    """What the engine's full record says of a container's life."""

    running: bool
    pid: int
    ended: Ended | None
    """None while it runs or was never started."""
    started_at: datetime | None
    finished_at: datetime | None


def state(record: dict[str, Any]) -> State:
    said = record["State"]
    running = bool(said.get("Running"))
    over = not running and said.get("Status") in {"exited", "dead"}
    return State(
        running=running,
        pid=int(said.get("Pid") or 0),
        ended=Ended(int(said.get("ExitCode") or 0), bool(said.get("OOMKilled"))) if over else None,
        started_at=_moment(said.get("StartedAt")),
        finished_at=_moment(said.get("FinishedAt")),
    )


class Instances:
    def __init__(
        self,
        docker: Docker,
        networks: Networks,
        listing: Listing,
        keeper: LogKeeper,
        *,
        installation: str,
        left: Callable[[Found], None],
    ) -> None:
        """`left` hears of an instance whose last words are kept, before it goes."""
        self._docker = docker
        self._networks = networks
        self._listing = listing
        self._keeper = keeper
        self._installation = installation
        self._left = left

    async def of(self, rollout: Rollout) -> dict[int, Found]:
        """Give the deployment's containers by number (0: the release command).

        Raises:
            StaleAttemptError: a later attempt made one of them.
        """
        own = [found for found in await self._listing.now(rollout.app.app_id) if found.deployment == rollout.deployment]
        later = max((found.attempt for found in own), default=0)
        if later > rollout.attempt:
            raise StaleAttemptError(
                f"v{rollout.deployment} of {rollout.app.app}: attempt {later} has been here, this is {rollout.attempt}"
            )
        return {found.number: found for found in own}

    async def create(self, rollout: Rollout, number: int, *, command: tuple[str, ...] | None = None) -> Found:
        """Make a container, not started yet.

        Raises:
            CapacityError: no address, no fence.
            RefusedError: the engine's own reasons.
        """
        async with self._networks.address(rollout.app) as address:
            config = render.container(self._installation, rollout, number, address, command=command)
            name = names.container_name(rollout.app.app_id, rollout.deployment, number)
            await self._docker.create(name, config)
        return (await self.of(rollout))[number]

    async def start(self, rollout: Rollout, container: Found) -> None:
        """Start it, with the fence in place.

        Raises:
            RolloutFailedError: it cannot be started; the diagnosis says why.
            CapacityError: no fence.
        """
        await self._networks.ensure(rollout.app)
        try:
            await self._docker.call("start", container.id)
        except RefusedError as error:
            raise RolloutFailedError(explaining.not_started(container.name, error.message)) from error

    async def state(self, container: Found) -> State | None:
        """None when it is gone."""
        record = await self._docker.inspect(container.id)
        return None if record is None else state(record)

    async def last_lines(self, container: Found, count: int = explaining.LINES) -> list[str]:
        return [line.line.text for line in await reader.newest(self._docker, container, count)]

    async def stop(self, container: Found, seconds: float) -> None:
        await self._docker.stop(container.id, seconds)

    async def kill(self, container: Found) -> None:
        await self._docker.kill(container.id)

    async def take_leave(self, container: Found, seconds: float) -> int | None:
        """Stop it, keep its last words, remove it; give its exit code. Safe to call again, and after a cut."""
        if container.state not in {"created", "exited", "dead"}:
            await self._docker.stop(container.id, seconds)
        stopped = next((now for now in await self._listing.now(container.app.app_id) if now.id == container.id), None)
        if stopped is None:
            return None
        state = await self.state(stopped)
        kept = await self._keeper.kept(container.app.app_id, container.name)
        # Kept already: by an earlier call, cut short between keeping and removing, or of a container of this name
        # that was made anew since. What is kept replaces what was kept.
        last, known = (kept[-1].at if kept else ""), {line.mark for line in marked(kept)}
        words = await reader.last_words(self._docker, stopped)
        fresh = [line.line for line in words if line.line.at >= last and line.mark not in known]
        if fresh:
            await self._keeper.keep(container.app.app_id, container.deployment, container.name, [*kept, *fresh])
        self._left(stopped)
        await self._docker.remove(container.id)
        return None if state is None or state.ended is None else state.ended.exit_code

    async def remove(self, container: Found) -> None:
        """Remove it at once, with all that it said."""
        await self._docker.remove(container.id)


async def together(work: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Do all at once. The first fault cancels the rest, and is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def while_ours(work: Coroutine[Any, Any, T], guard: Guard) -> T:
    """Wait for something that takes its time, and give up in the middle of it when the guard raises."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait({task}, timeout=GUARD_SECONDS))[0]:
            await guard()
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def told_when_late(work: Coroutine[Any, Any, T], tell: Callable[[], Coroutine[Any, Any, None]]) -> T:
    """Do it, and tell of it where it takes so long that a person wonders what is waited for."""
    task = asyncio.create_task(work)
    try:
        if not (await asyncio.wait({task}, timeout=LATE_SECONDS))[0]:
            await tell()
        return await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _moment(text: str | None) -> datetime | None:
    """The engine's time; its year 1 means never."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text[:19] + "+00:00") if text.endswith("Z") else datetime.fromisoformat(text)
