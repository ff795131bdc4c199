"""Make the world as the records say, a little every few seconds: cheap when nothing is wrong."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loco_server.edge.base import Edge, EdgeRejectedError
from loco_server.engines import explaining
from loco_server.engines.base import (
    CapacityError,
    Emit,
    Rollout,
    RolloutFailedError,
    StaleAttemptError,
    Suspension,
    unguarded,
)
from loco_server.engines.docker import health, images, traffic
from loco_server.engines.docker.client import Docker, RefusedError
from loco_server.engines.docker.fence import FenceError
from loco_server.engines.docker.instances import Instances, State, together
from loco_server.engines.docker.listing import Listing
from loco_server.engines.docker.names import Found
from loco_server.engines.docker.networks import Networks
from loco_server.engines.docker.suspending import Suspender
from loco_server.engines.facts import BadStatus, ForeignRedirect, Healthy, NotHttp, Outcome, Unreachable
from loco_spec.errors import Diagnosis

_log = logging.getLogger("loco.engine")

ORPHAN_STOP_SECONDS = 5.0
STEADY_SECONDS = 60.0
"""After so long a life the next crash counts as the first."""
LONGEST_PAUSE = 60.0
PULL_SECONDS = 18.0
"""For so long a registry may be away while an instance is made anew: all other apps wait meanwhile."""


@dataclass
class Life:
    """What is remembered of one instance while this server runs."""

    restarts: int = 0
    crashes: int = 0
    """In a row, each after a short life."""
    not_before: float = 0.0
    failures: int = 0
    """Probes in a row that failed."""
    probed_at: float = float("-inf")
    reason: str | None = None
    diagnosis: Diagnosis | None = None
    """Why it ended, when it has ended more than once soon after its start."""


class Reconciler:
    def __init__(
        self,
        docker: Docker,
        networks: Networks,
        instances: Instances,
        listing: Listing,
        edge: Edge,
        suspender: Suspender,
        *,
        worked_on: Callable[[str, float], bool],
    ) -> None:
        self._docker = docker
        self._networks = networks
        self._instances = instances
        self._listing = listing
        self._edge = edge
        self._suspender = suspender
        self._worked_on = worked_on
        self._lives: dict[tuple[str, str], Life] = {}
        self._no_fence = ""
        """Why the fence was not in place at the last look; empty: it was."""

    def life(self, found: Found) -> Life:
        return self._lives.setdefault((found.app.app_id, found.name), Life())

    async def reconcile(
        self, wanted: Sequence[Rollout], busy: frozenset[str], suspended: Sequence[Suspension] = ()
    ) -> None:
        """As `Engine.reconcile` promises. What cannot be mended for one app is logged, and keeps no other waiting."""
        began = time.monotonic()
        await self._fence()

        def skip(app_id: str) -> bool:
            # Rolled or destroyed since `wanted` was read: the records say something else by now.
            return app_id in busy or self._worked_on(app_id, began)

        there: dict[str, list[Found]] = {}
        for found in await self._listing.now():
            there.setdefault(found.app.app_id, []).append(found)
        await self._probe([rollout for rollout in wanted if not skip(rollout.app.app_id)], there)
        for rollout in wanted:
            app_id = rollout.app.app_id
            if not skip(app_id):
                try:
                    await self._make_true(rollout, there.get(app_id, ()))
                except (RolloutFailedError, CapacityError, StaleAttemptError, RefusedError, EdgeRejectedError) as error:
                    _log.warning("v%d of %s/%s: %s", rollout.deployment, rollout.app.team, rollout.app.app, error)
        for suspension in suspended:
            if not skip(suspension.app.app_id):
                try:
                    await self._suspender.keep(suspension, there.get(suspension.app.app_id, ()))
                except (RefusedError, EdgeRejectedError) as error:
                    _log.warning("%s/%s is suspended: %s", suspension.app.team, suspension.app.app, error)
        known = {rollout.app.app_id for rollout in wanted}
        kept = {suspension.app.app_id for suspension in suspended}
        await self._remove_orphans(wanted, there, lambda app_id: app_id in kept or skip(app_id))
        known |= kept
        for app_id in list(self._edge.published()):
            if app_id not in known and not skip(app_id):
                await self._edge.retire(app_id)
        await self._edge.tidy()
        if not busy:  # else one may be for what is about to run
            apps = [*(each.app for each in wanted), *(each.app for each in suspended)]
            await self._networks.tidy({app.team_id for app in apps})
        self._forget(there)

    async def _fence(self) -> None:
        """Set it again; say what stands in the way when that changes, not at each look."""
        missing = ""
        try:
            await self._networks.ensure_fence()
        except FenceError as error:
            missing = str(error)
        if missing != self._no_fence:
            if missing:
                _log.warning("the fence between teams is not in place: %s", missing)
            else:
                _log.warning("the fence between teams is in place again")
        self._no_fence = missing

    async def _make_true(self, rollout: Rollout, there: Sequence[Found]) -> None:
        own = {found.number: found for found in there if found.deployment == rollout.deployment}
        addresses = []
        for number in range(1, rollout.unit.replicas + 1):
            found = own.get(number)
            if found is None:
                await images.ensure(self._docker, rollout, emit=_tell(rollout), guard=unguarded, within=PULL_SECONDS)
                found = await self._instances.create(rollout, number)
                _log.info("%s of %s/%s was gone: made anew", found.name, rollout.app.team, rollout.app.app)
            started = found if found.running else await self._start(rollout, found)
            own[number] = started or found
            if started is not None and self.life(started).failures < rollout.unit.probe.failures:
                addresses.append(started.address)
        # With no healthy instance at all, an answer of a sick one says more than none.
        addresses = addresses or [
            found.address for found in own.values() if found.number in range(1, rollout.unit.replicas + 1)
        ]
        expected = traffic.edge_app(rollout, addresses)
        if expected.routes and self._edge.published().get(rollout.app.app_id) != expected:
            await self._edge.publish(expected)

    async def _start(self, rollout: Rollout, found: Found) -> Found | None:
        """Start what stopped. None while a pause is on, which grows when it keeps ending soon after its start."""
        life, now = self.life(found), time.monotonic()
        if found.state == "exited":
            if now < life.not_before:
                return None
            state = await self._instances.state(found)
            if state is not None and state.started_at is not None and state.finished_at is not None:
                lived = (state.finished_at - state.started_at).total_seconds()
                life.crashes = 0 if lived > STEADY_SECONDS else life.crashes + 1
                life.diagnosis = await self._crashing(rollout, found, state, lived) if life.crashes > 1 else None
            life.not_before = now + min(LONGEST_PAUSE, 2.0 ** (life.crashes - 1)) if life.crashes else 0.0
            life.restarts += 1
        life.failures = 0
        try:
            await self._instances.start(rollout, found)
        except RolloutFailedError:
            # Its network may be gone, or its address taken: a new container finds its own.
            await self._instances.take_leave(found, ORPHAN_STOP_SECONDS)
            found = await self._instances.create(rollout, found.number)
            await self._instances.start(rollout, found)
        _log.info("%s of %s/%s had stopped: started", found.name, rollout.app.team, rollout.app.app)
        return found

    async def _crashing(self, rollout: Rollout, found: Found, state: State, lived: float) -> Diagnosis | None:
        if state.ended is None:
            return None
        lines, restarts = await self._instances.last_lines(found), self.life(found).restarts
        said = explaining.restarting(rollout.unit, found.name, state.ended, restarts, lines)
        return explaining.timed(said, lived)

    async def _probe(self, wanted: Sequence[Rollout], there: Mapping[str, Sequence[Found]]) -> None:
        """Ask every running instance that is due, all at once."""
        now, due = time.monotonic(), []
        for rollout in wanted:
            for found in there.get(rollout.app.app_id, ()):
                life = self.life(found)
                mine = found.deployment == rollout.deployment and found.role == "app"
                if mine and found.running and now - life.probed_at >= rollout.unit.probe.interval:
                    life.probed_at = now
                    due.append(self._ask(rollout, found, life))
        await together(due)

    async def _ask(self, rollout: Rollout, found: Found, life: Life) -> None:
        outcome = await health.check(found.address, rollout.unit)
        if isinstance(outcome, Healthy):
            life.failures, life.reason = 0, None
            return
        life.failures += 1
        most = rollout.unit.probe.failures
        if life.failures == most:
            outcome = await health.looked_into(found.address, rollout.unit.probe, outcome)
        if life.failures <= most or not health.is_strange(outcome):  # else what was found then says more
            life.reason = _reason(outcome)

    async def _remove_orphans(
        self, wanted: Sequence[Rollout], there: Mapping[str, Sequence[Found]], skip: Callable[[str], bool]
    ) -> None:
        right = {
            (rollout.app.app_id, rollout.deployment, number)
            for rollout in wanted
            for number in range(1, rollout.unit.replicas + 1)
        }
        orphans = [
            found
            for each in there.values()
            for found in each
            if not skip(found.app.app_id) and (found.app.app_id, found.deployment, found.number) not in right
        ]
        if orphans:
            _log.info("removing what no live deployment needs: %s", ", ".join(f"{o.app.app} {o.name}" for o in orphans))
        await together(
            [self._instances.take_leave(found, min(found.drain_seconds, ORPHAN_STOP_SECONDS)) for found in orphans]
        )

    def _forget(self, there: Mapping[str, Sequence[Found]]) -> None:
        known = {(app_id, found.name) for app_id, each in there.items() for found in each}
        for key in self._lives.keys() - known:
            del self._lives[key]


def _reason(outcome: Outcome) -> str:
    match outcome:
        case BadStatus(path, status):
            return f"GET {path} answers {status}"
        case ForeignRedirect(path, _, location):
            return f"GET {path} leads to {location[:100]}"
        case Unreachable(port, reason):
            return f"port {port}: {reason}"
        case NotHttp(port, tls=tls):
            return f"port {port} speaks {'HTTPS' if tls else 'no HTTP'}"
        case _:
            return "unhealthy"


def _tell(rollout: Rollout) -> Emit:
    async def tell(line: str) -> None:
        _log.info("v%d of %s/%s: %s", rollout.deployment, rollout.app.team, rollout.app.app, line)

    return tell
