"""What the records say of all deployments afterwards, held against what is promised, and against the cluster."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select

from loco_server.engines.kubernetes import names
from loco_server.records.tables import DEPLOYMENTS, EVENTS
from loco_spec.events import ENDED
from tests.kube.stub import Stub
from tests.kube.stub import store as stored
from tests.loco_server.records.databases import Records

ROLLING = ("releasing", "rolling")


@dataclass(frozen=True)
class Life:
    """One deployment, as its events tell of it."""

    number: int
    state: str
    attempt: int
    states: tuple[tuple[str, datetime], ...]

    @property
    def begun(self) -> datetime | None:
        return next((at for state, at in self.states if state in ROLLING), None)

    @property
    def ended(self) -> datetime:
        return next(at for state, at in self.states if state in ENDED)


async def lives(records: Records) -> dict[str, list[Life]]:
    """Give all deployments of each app, by the app's id, in order of number."""
    events: dict[tuple[str, int], list[tuple[str, datetime]]] = {}
    found: dict[str, list[Life]] = {}
    async with records.database.read() as db:
        told = select(EVENTS).where(EVENTS.c.kind == "state").order_by(EVENTS.c.number)
        for row in await db.execute(told):
            events.setdefault((row.app_id, row.deployment), []).append((row.detail["state"], row.at))
        for row in await db.execute(select(DEPLOYMENTS).order_by(DEPLOYMENTS.c.number)):
            life = Life(row.number, row.state, row.attempt, tuple(events[row.app_id, row.number]))
            found.setdefault(row.app_id, []).append(life)
    return found


async def counts_by_outcome(records: Records) -> Counter[str]:
    """Give how many deployments ended how: `live`, `replaced`, `failed`, …; what is under way by its state."""
    async with records.database.read() as db:
        return Counter((await db.execute(select(DEPLOYMENTS.c.state))).scalars())


async def all_ended(records: Records) -> bool:
    return set(await counts_by_outcome(records)) <= ENDED


def judged(found: dict[str, list[Life]]) -> list[str]:
    """Give all that is not as it is promised: none lost, none beside another of its app, in order, and a true end."""
    wrong = []
    for app_id, all_of in found.items():
        if [life.number for life in all_of] != list(range(1, len(all_of) + 1)):
            wrong.append(f"{app_id}: a number is missing: {[life.number for life in all_of]}")
        for life in all_of:
            ends = [state for state, _ in life.states if state in ENDED - {"replaced"}]
            if len(ends) != 1 or life.states[-1][0] != life.state:
                wrong.append(f"{app_id} v{life.number} is {life.state}, and its events say {life.states}")
            if life.state == "failed":
                wrong.append(f"{app_id} v{life.number} failed, though nothing was wrong with it")
        rolled = [(life.begun, life) for life in all_of if life.begun is not None]
        for (_, before), (begun, life) in pairwise(rolled):
            if begun < before.ended:
                wrong.append(f"{app_id}: v{life.number} began at {begun}, v{before.number} ended at {before.ended}")
        served = [life.number for life in all_of if life.state in {"live", "replaced"}]
        live = [life.number for life in all_of if life.state == "live"]
        if live != served[-1:]:
            wrong.append(f"{app_id}: {live} live, and {served} were")
    return wrong


class Watched:
    """The cluster's side: which attempt wrote what, and which release commands ran beside one another."""

    def __init__(self, stub: Stub) -> None:
        self.wrong: list[str] = []
        self.attempts: dict[tuple[str, int], int] = {}
        self._stub, self._write = stub, stub.store.write
        stub.store.write = self._seen  # type: ignore[method-assign]

    def _seen(self, key: stored.Key, wanted: stored.Object) -> stored.Object:
        if key[0] == stored.DEPLOYMENTS:
            marks = wanted["metadata"]["annotations"]
            number, attempt = int(marks[names.DEPLOYMENT]), int(marks[names.ATTEMPT])
            latest = self.attempts.setdefault((key[1], number), attempt)
            if attempt < latest:
                self.wrong.append(f"{key[1]} v{number}: attempt {attempt} wrote after {latest}")
            self.attempts[key[1], number] = max(attempt, latest)
        return self._write(key, wanted)

    def serving(self, app_id: str) -> int | None:
        """The number of the deployment that the cluster has of an app."""
        for found in self._stub.store.of(stored.DEPLOYMENTS, labels=f"{names.APP_ID}={app_id}"):
            return int(found["metadata"]["annotations"][names.DEPLOYMENT])
        return None
