"""Three servers on one PostgreSQL: killed at any moment, and asked for many deployments at once. None is lost.

The cluster is the stub, on a real port, with what stands for its controllers; the servers are real processes.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from loco_server.records.values import AppRecord
from loco_spec.kinds.service import Service
from tests.kube import kubelet
from tests.kube.kubelet import Kubelet
from tests.kube.stub import Stub
from tests.loco_server.cluster.conftest import Start
from tests.loco_server.cluster.history import Watched, all_ended, counts_by_outcome, judged, lives
from tests.loco_server.cluster.jobs import Jobs
from tests.loco_server.cluster.serving import Replica, session
from tests.loco_server.records.databases import DIGEST, Records, route
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio

NO_LIMITS = {
    "LOCO_TEAM_APPS": "1000",
    "LOCO_TEAM_CPU": "128",
    "LOCO_TEAM_MEMORY": "512Gi",
    "LOCO_TEAM_REPLICAS": "1000",
    "LOCO_TEAM_DEPLOYMENTS_PER_HOUR": "100000",
    "LOCO_RATE_PER_TOKEN": "0",
    "LOCO_RATE_PER_ADDRESS": "0",
}
TEAMS = ("ann", "bob", "carol", "dave", "erin")
ENDS_WITHIN = 300
"""A lease of a killed server, the ticket of a redeploy that it was making, and this machine's own pace."""


@dataclass
class Three:
    """The servers, what they share, and who asks them."""

    records: Records
    servers: list[Replica]
    watched: Watched
    jobs: Jobs
    tokens: dict[str, str]
    """By team."""
    die: random.Random
    promised: list[tuple[str, int]] = field(default_factory=list)
    """App id and number of what a server has answered that it took."""

    async def redeploys(self, app: AppRecord) -> None:
        """Ask any server; one that is dead, or dies, answers nothing, and it may have happened all the same."""
        with suppress(httpx.TransportError):
            answer = await self._posts(app, "redeploy")
            assert answer.is_success or answer.status_code == 503, answer.text
            if answer.is_success:
                self.promised.append((app.id, answer.json()["number"]))

    async def pushed(self, app: AppRecord) -> None:
        """As a server does it whose client has pushed an image: with a release command that is to run."""
        spec = Service.model_validate({"name": app.name, "deploy": {"release_command": ["migrate"], "drain": "1s"}})
        routes = [route(f"{app.name}.apps.example.com")]
        made = await self.records.deployments.create(app, spec, routes, action="deploy", created_by="ann", release=True)
        await self.records.deployments.accept(app, made.number, digest=DIGEST, user_id=10001, of="created")
        self.promised.append((app.id, made.number))

    async def cancels(self, app: AppRecord) -> None:
        [newest] = await self.records.deployments.of_app(app.id, limit=1)
        with suppress(httpx.TransportError):
            await self._posts(app, f"deployments/v{newest.number}/cancel")

    async def _posts(self, app: AppRecord, what: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.tokens[app.team]}"}
        client = self.die.choice(self.servers).client
        return await client.post(f"/v1/teams/{app.team}/apps/{app.name}/{what}", headers=headers, timeout=120)

    async def all_is_true(self) -> None:
        """Wait for all ends; hold them against what is promised, and the cluster against them."""
        await eventually_async(lambda: all_ended(self.records), within=ENDS_WITHIN, every=0.5)
        found = await lives(self.records)
        assert judged(found) == []
        assert (self.watched.wrong, self.jobs.wrong) == ([], [])
        known = {(app_id, life.number) for app_id, all_of in found.items() for life in all_of}
        assert set(self.promised) <= known
        live = {app_id: life.number for app_id, all_of in found.items() for life in all_of if life.state == "live"}

        async def serves() -> bool:
            return all(self.watched.serving(app_id) == number for app_id, number in live.items())

        await eventually_async(serves, within=60)
        taken_over = sum(life.attempt > 1 for all_of in found.values() for life in all_of)
        ends = dict(await counts_by_outcome(self.records))
        print(f"{len(known)} deployments: {ends}; {taken_over} taken over, {self.jobs.count} release commands")  # noqa: T201


@pytest.fixture
async def three(
    start: Start, stub: Stub, database: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Three]:
    monkeypatch.setattr(kubelet, "TICK", 0.1)  # a rollout takes a second or two: it is there to be killed in
    print(f"seed {seed}")  # noqa: T201
    records = Records(database)
    watched = Watched(stub)
    async with Kubelet(stub.store), Jobs(stub.store) as jobs:
        tokens = {login: await session(database, login) for login in TEAMS}
        servers = [start(**NO_LIMITS) for _ in range(3)]
        for each in servers:
            await eventually_async(each.is_ready, within=90)
        yield Three(records, servers, watched, jobs, tokens, random.Random(seed))  # noqa: S311
        for each in servers:
            await each.close()
    await records.database.close()


async def live_apps(three: Three, count: int) -> list[AppRecord]:
    """Give so many apps, each with a deployment that is live."""
    apps = [await three.records.app(f"shop-{number}", TEAMS[number % len(TEAMS)]) for number in range(count)]
    for app in apps:
        await three.pushed(app)
    await eventually_async(lambda: all_ended(three.records), within=120, every=0.2)
    return apps


async def test_no_deployment_is_lost_or_run_twice_however_often_a_server_is_killed(
    three: Three, size: Callable[[str], int]
) -> None:
    apps = await live_apps(three, 6)
    over = asyncio.Event()

    async def asks() -> None:
        what: list[Any] = [three.redeploys, three.redeploys, three.redeploys, three.pushed, three.pushed, three.cancels]
        while not over.is_set():
            await three.die.choice(what)(three.die.choice(apps))
            await pause(0.05, 0.6)

    async def pause(least: float, most: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), three.die.uniform(least, most))

    asking = [asyncio.create_task(asks()) for _ in range(2)]
    for _ in range(size("server_kills")):
        await pause(0.5, 4)
        victim = three.die.choice(three.servers)
        assert victim.process is not None
        victim.process.kill()
        await asyncio.to_thread(victim.process.wait)
        await pause(0.0, 2)
        victim.start()
    over.set()
    await asyncio.gather(*asking)
    await three.all_is_true()


async def test_many_deployments_at_once_on_three_servers_end_in_order_and_true(
    three: Three, size: Callable[[str], int]
) -> None:
    count = size("queued_deployments")
    apps = await live_apps(three, count // 4)
    before = len(three.promised)
    await asyncio.gather(*(three.redeploys(apps[number % len(apps)]) for number in range(count)))
    assert len(three.promised) - before == count
    await three.all_is_true()
