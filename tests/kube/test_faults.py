"""Rollouts and logs while the Kubernetes API refuses, is cut off, forgets, or is away. Against the stub."""

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from loco_server.engines.base import AppRef, LogQuery, Rollout, RolloutFailedError
from loco_server.engines.kubernetes import names
from loco_server.engines.kubernetes.applying import deployment_of, live_of
from loco_server.engines.kubernetes.engine import KubernetesEngine
from loco_server.units import UnitRoute
from tests.contract.engines import new_app
from tests.kube.kubelet import LAST_WORDS, REGISTRY_SAYS, Kubelet
from tests.kube.samples import SMALL, rollout
from tests.kube.stub import Plan, Stub
from tests.kube.stub.store import DEPLOYMENTS, PODS, ROUTES, Object, now
from tests.loco_server.engines.kubernetes.rolled import roll, stubbed, stubbed_engine
from tests.waiting import eventually_async

AT_ONCE = 8
AWAY_SECONDS = 2.0
EXPOSURE = ("/services/", "/httproutes/", "/horizontalpodautoscalers/", "/poddisruptionbudgets/")
PLANS = {
    "busy": Plan(refused=0.2, watch_seconds=0.2),
    "cut off": Plan(dropped=0.07, lost=0.07, torn=0.06, conflicts=0.1, expired=0.3, watch_seconds=0.2),
}


def version(app: AppRef, number: int, *, replicas: int = 1, routed: bool = True) -> Rollout:
    """Each with an image and a host of its own."""
    image = f"registry.example.com/acme/shop-{app.app_id}@sha256:{number:064x}"
    routes = (UnitRoute(f"v{number}.example.com", "/", "http", strip_prefix=False),) if routed else ()
    unit = dataclasses.replace(SMALL, image=image, replicas=replicas, routes=routes)
    return dataclasses.replace(rollout(unit, deployment=number, app=app), timeout_seconds=120)


def number_of(template: Object) -> int:
    return int(template["metadata"]["labels"][names.DEPLOYMENT])


@pytest.mark.anyio
@pytest.mark.parametrize("faults", PLANS)
async def test_whatever_fails_between_rollouts_end_right_and_none_twice(
    faults: str, tmp_path: Path, seed: int, size: Callable[[str], int]
) -> None:
    die, limit, count = random.Random(seed), asyncio.Semaphore(AT_ONCE), size("faulty_rollouts")  # noqa: S311
    fates = [(fate, die.randint(1, 3)) for fate in ("", "exited", "", "pull-failed", "") * count]
    step = max(2, count // 10)
    histories = [die.sample(fates[start : start + 5], min(step, count - start)) for start in range(0, count, step)]

    async def history(fates: list[tuple[str, int]]) -> None:
        app, live = new_app(), 0
        for number, (fate, replicas) in enumerate(fates, start=1):
            async with limit:
                live = await one(stub, kubelet, engine, version(app, number, replicas=replicas), fate, live)

    plan = dataclasses.replace(PLANS[faults], seed=seed)
    async with stubbed(plan, tmp_path) as (stub, kubelet, engine), asyncio.TaskGroup() as group:
        for each in histories:
            group.create_task(history(each))


async def one(stub: Stub, kubelet: Kubelet, engine: KubernetesEngine, wanted: Rollout, fate: str, live: int) -> int:
    """Roll one deployment that is to end so; give which one serves then."""
    namespace, number = names.namespace(wanted.app), wanted.deployment
    before, asked = len(stub.store.templates.get(namespace, ())), len(stub.requests)
    if not fate:
        await roll(engine, wanted)
        live, templates = number, [number]
    else:
        kubelet.failing[wanted.unit.image] = fate
        with pytest.raises(RolloutFailedError) as failed:
            await roll(engine, wanted)
        told = failed.value.diagnosis
        assert told.cause == {"pull-failed": "image-gone"}.get(fate, fate)
        assert any(REGISTRY_SAYS in fact.text for fact in told.evidence) or told.lines == (LAST_WORDS,)
        templates = [number, live] if live else [number]
        exposed = [each.path for each in stub.requests[asked:] if each.method == "PATCH" and namespace in each.path]
        assert not [path for path in exposed if any(part in path for part in EXPOSURE)], "a failed one was led to"
    assert [number_of(each) for each in stub.store.templates[namespace]][before:] == templates
    hosts = [found["spec"]["hostnames"][0] for found in stub.store.of(ROUTES, namespace)]
    found = stub.store.of(DEPLOYMENTS, namespace)
    if not live:
        assert (found, hosts) == ([], [])
        return 0
    serving = live_of(found[0])
    assert serving is not None
    assert (deployment_of(found[0]), deployment_of(serving), hosts) == (live, live, [f"v{live}.example.com"])

    async def settled() -> bool:
        pods = [pod for pod in stub.store.of(PODS, namespace) if not pod["metadata"].get("deletionTimestamp")]
        assert {number_of(pod) for pod in pods} == {live}
        return bool(len(pods) == wanted_pods)

    wanted_pods = found[0]["spec"]["replicas"]
    await eventually_async(settled)  # fewer than before are so a moment later
    return live


class EachFirstLost(Plan):
    """The first apply of each object has its effect, and no answer."""

    def fault(self, method: str, path: str) -> str | int | None:
        self.die(f"{method} {path}")
        return "lost" if method == "PATCH" and self.asked[f"{method} {path}"] == 1 else None


@pytest.mark.anyio
async def test_the_lost_answer_to_an_apply_does_no_harm(tmp_path: Path) -> None:
    async with stubbed(EachFirstLost(), tmp_path) as (stub, kubelet, engine):
        wanted = version(new_app(), 1)
        assert await one(stub, kubelet, engine, wanted, "", 0) == 1
        applied = [each.path for each in stub.requests if each.method == "PATCH"]
        assert min(Counter(applied).values()) >= 2, "each was asked for again"


@pytest.mark.anyio
async def test_a_rollout_outlives_a_restart_of_the_api_server(tmp_path: Path) -> None:
    wanted = version(new_app(), 1, replicas=2)
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        rolling = asyncio.create_task(roll(engine, wanted))

        async def watched() -> bool:
            return len([each for each in stub.requests if "watch" in each.query]) >= 3

        await eventually_async(watched)
        await stub.down()
        await asyncio.sleep(AWAY_SECONDS)
        assert not rolling.done()
        await stub.up()
        async with Kubelet(stub.store):  # the pods come only now
            said = await rolling
        assert f"the traffic goes to v{wanted.deployment}" in said
        assert len(stub.store.templates[names.namespace(wanted.app)]) == 1


@pytest.mark.anyio
async def test_a_conflict_is_told_with_the_name_of_the_other_manager(tmp_path: Path) -> None:
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        app = new_app()
        await roll(engine, version(app, 1))
        held = (DEPLOYMENTS, names.namespace(app), names.WORKLOAD)
        stub.store.held[held] = ("kubectl-edit", ".spec.replicas")
        said = await roll(engine, version(app, 2))
        assert 'Deployment web: conflict with "kubectl-edit" using apps/v1: .spec.replicas; taken back' in said
        assert held not in stub.store.held


@pytest.mark.anyio
async def test_a_log_that_is_cut_again_and_again_loses_and_repeats_no_line(
    tmp_path: Path, seed: int, size: Callable[[str], int]
) -> None:
    die, cuts = random.Random(seed), size("kube_log_cuts")  # noqa: S311
    plan = Plan(seed=seed, log_lines=8, watch_seconds=0.5, dropped=0.1)
    async with stubbed(plan, tmp_path) as (stub, _, engine):
        app = new_app()
        await roll(engine, version(app, 1, replicas=2))
        written = {key[2]: [text for _, text in log.lines] for key, log in stub.store.logs.items()}
        read: dict[str, list[str]] = {name: [] for name in written}

        async def follow() -> None:
            async for batch in engine.logs(LogQuery(app=app, follow=True)):
                for line in batch.lines:
                    read[next(name for name in read if name.endswith(line.instance[3:]))].append(line.text)

        async def caught_up() -> bool:
            assert not following.done(), following
            return all(len(read[name]) >= len(written[name]) for name in written)

        following = asyncio.create_task(follow())
        while any(asked <= cuts for asked in follows(stub, written)):
            for key, log in stub.store.logs.items():
                at = now()
                for _ in range(die.randint(1, 6)):
                    at = at if die.random() < 0.5 else now()  # some lines share their time
                    log.say(f"line {len(written[key[2]])}", at)
                    written[key[2]].append(log.lines[-1][1])
            await eventually_async(caught_up, within=60)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert read == written


def follows(stub: Stub, pods: Iterable[str]) -> list[int]:
    """Give how often each pod's log was followed."""
    asked = [each.path for each in stub.requests if each.query.get("follow")]
    return [len([path for path in asked if f"/{pod}/" in path]) for pod in pods]
