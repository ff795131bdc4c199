"""Into a running app: which instance, in what quota, how many at once; the engine does the rest."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from loco_server.engines.attached import Attached, InstanceEndedError, NothingListensError, Start
from loco_server.engines.base import Engine, InstanceStatus, Rollout
from loco_server.flows.deploy import app_ref, asked
from loco_server.policy import quota
from loco_server.records.deployments import Deployments
from loco_server.records.quotas import Quotas
from loco_server.records.values import AppRecord, DeploymentRecord
from loco_server.settings import Settings
from loco_spec.errors import Conflict, InstanceGone, NotFound, TooManyRequests
from loco_spec.kinds.service import Service

AT_ONCE_MOST = 64
"""Processes and connections of one person, on one server. A browser opens six, a pool of a database twenty."""
FRESH_SECONDS = 600.0
_RUNS = frozenset({"running", "unhealthy"})


class Attach:
    def __init__(
        self,
        *,
        settings: Settings,
        deployments: Deployments,
        quotas: Quotas,
        engine: Engine,
        rollout: Callable[[DeploymentRecord], Awaitable[Rollout]],
    ) -> None:
        self._limits = settings.limits
        self._deployments = deployments
        self._quotas = quotas
        self._engine = engine
        self.rollout = rollout
        """Gives what a one-off container of a deployment is made of."""
        self._people: Counter[str] = Counter()
        self._one_offs: Counter[str] = Counter()
        self._asked: dict[str, float] = {}

    @contextmanager
    def place(self, user_id: str) -> Iterator[None]:
        """Hold one of a person's places.

        Raises:
            TooManyRequests: they have all.
        """
        with _counted(self._people, user_id) as count:
            if count > AT_ONCE_MOST:
                raise TooManyRequests(
                    f"you have {AT_ONCE_MOST} processes and connections in apps, which is the most at once",
                    hint="end one of them",
                )
            yield

    async def instance(self, app: AppRecord, name: str | None) -> str:
        """Give the instance that is asked for; else the first that runs of the live deployment.

        Raises:
            NotFound: nothing is live, or no instance of that name runs; the hint names those that do.
            Conflict: none runs at this moment.
        """
        live = await self.live(app)
        with asked():
            found = [each for each in await self._engine.status(app_ref(app)) if each.state in _RUNS]
        if name is not None:
            if all(each.name != name for each in found):
                names = ", ".join(each.name for each in found)
                raise NotFound(
                    f"no instance {name} of {app.name} runs", hint=f"there is: {names}" if names else "loco status"
                )
            return name
        return _first(app, live, found)

    async def ports(self, app: AppRecord) -> tuple[str, ...]:
        """Give the ports that the live deployment declares: `8080 (http)`."""
        return tuple(f"{port.port} ({port.name})" for port in (await self.live(app)).spec.ports)

    async def live(self, app: AppRecord) -> DeploymentRecord:
        """Give the live deployment.

        Raises:
            NotFound: nothing is live.
        """
        found = await self._deployments.live(app.id)
        if found is None:
            raise NotFound(f"nothing of {app.name} is live", hint="loco deploy")
        return found

    def exec(self, app: AppRecord, instance: str, start: Start) -> AbstractAsyncContextManager[Attached]:
        """As `Engine.exec`, whose errors are told as a person is told them: of the four below, the first and third."""
        return _told(self._engine.exec(app_ref(app), instance, start))

    def run(self, rollout: Rollout, start: Start) -> AbstractAsyncContextManager[Attached]:
        """As `Engine.run`.

        Raises:
            InstanceGone: it was taken away in the middle.
            Refused: there is no room for it.
            EngineUnavailable: the engine cannot do it now.
        """
        return _told(self._engine.run(rollout, start))

    @asynccontextmanager
    async def connect(self, app: AppRecord, instance: str, port: int) -> AsyncIterator[Attached]:
        """As `Engine.connect`.

        Raises:
            Conflict: nothing listens there; it names the ports that the app declares.
            LocoError: as above.
        """
        try:
            async with _told(self._engine.connect(app_ref(app), instance, port)) as attached:
                yield attached
        except NothingListensError as e:
            declared = ", ".join(await self.ports(app))
            raise Conflict(f"{e}; {app.name} declares {declared}", hint="loco forward PORT") from e

    def fresh(self, *what: object) -> bool:
        """Whether this very thing was not asked within the last minutes."""
        now, key = time.monotonic(), repr(what)
        self._asked = {each: at for each, at in self._asked.items() if now - at < FRESH_SECONDS}
        return now == self._asked.setdefault(key, now)

    @asynccontextmanager
    async def room(self, app: AppRecord, spec: Service) -> AsyncIterator[None]:
        """Count a one-off container as long as the block goes on: it takes what one replica takes.

        Raises:
            Refused: its team's quota has no room for it, beside its apps and such containers on this server.
        """
        with _counted(self._one_offs, app.team_id) as count:
            used = await self._quotas.usage(app.team_id, app.name)
            quota.refuse_one_off(self._limits.team, app.team, app.name, spec, used, count)
            yield


def _first(app: AppRecord, live: DeploymentRecord, found: list[InstanceStatus]) -> str:
    own = [each for each in found if each.deployment == live.number]
    if not own:
        raise Conflict(f"no instance of v{live.number} of {app.name} runs at this moment", hint="loco status")
    return min(own, key=lambda each: (each.state != "running", each.name)).name


@asynccontextmanager
async def _told(opened: AbstractAsyncContextManager[Attached]) -> AsyncIterator[Attached]:
    try:
        with asked():
            async with opened as attached:
                yield attached
    except InstanceEndedError as e:
        raise InstanceGone(str(e), hint="loco status") from e


@contextmanager
def _counted(counter: Counter[str], key: str) -> Iterator[int]:
    """Give how many there are with this one."""
    counter[key] += 1
    try:
        yield counter[key]
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]
