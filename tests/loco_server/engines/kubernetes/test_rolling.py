"""From one version to the next and back: what leads to the pods leads somewhere all the time."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loco_server.engines.base import AppRef, Rollout, RolloutFailedError
from loco_server.engines.kubernetes import exposing, kinds, names, rolling
from loco_server.engines.kubernetes.applying import LIVE, deployment_of
from loco_server.engines.kubernetes.judging import is_ready
from loco_server.engines.kubernetes.quantities import quantity
from loco_server.units import UnitPort, UnitRoute
from tests.contract.engines import new_app
from tests.kube.samples import SMALL, rollout
from tests.kube.stub import Plan, Stub
from tests.kube.stub.store import DEPLOYMENTS, PODS, ROUTES, Object, Store
from tests.loco_server.engines.kubernetes.rolled import roll, stubbed, stubbed_engine

pytestmark = pytest.mark.anyio

SERVICES, QUOTAS = kinds.SERVICE.path(), kinds.QUOTA.path()


def version(app: AppRef, number: int, name: str, port: int, *more: str, **changes: Any) -> Rollout:
    """With one port; it serves at a host of the app, and at more."""
    hosts = (f"{app.app_id}.example.com", *more)
    unit = dataclasses.replace(
        SMALL,
        ports=(UnitPort(name, port, "http"),),
        routes=tuple(UnitRoute(host, "/", name, strip_prefix=False) for host in hosts),
        probe=dataclasses.replace(SMALL.probe, port=port),
        **changes,
    )
    return dataclasses.replace(rollout(unit, deployment=number, app=app), timeout_seconds=60)


def deployed(store: Store, app: AppRef) -> Object:
    return store.objects[DEPLOYMENTS, names.namespace(app), names.WORKLOAD]


def led(store: Store, app: AppRef) -> tuple[list[Object], dict[str, int]]:
    """Give the Service's ports, and the number that each host's route names."""
    space = names.namespace(app)
    routes = {
        route["metadata"]["name"]: route["spec"]["rules"][0]["backendRefs"][0]["port"]
        for route in store.of(ROUTES, space)
    }
    return store.objects[SERVICES, space, app.app]["spec"]["ports"], routes


def endpoints(store: Store, app: AppRef, number: int) -> list[str]:
    """Give the ready pods behind a number of the Service, as the cluster's controllers find them."""
    (target,) = [port["targetPort"] for port in led(store, app)[0] if port["port"] == number] or [None]
    found = []
    for pod in store.of(PODS, names.namespace(app)):
        listens = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
        ready = is_ready(pod) and not pod["metadata"].get("deletionTimestamp")
        if ready and (target in listens if isinstance(target, str) else target in listens.values()):
            found.append(pod["metadata"]["name"])
    return found


def looking(store: Store, app: AppRef) -> list[str]:
    """Look after each change whether every route leads to a pod that listens; give, later, when one did not."""
    write: Callable[..., Object] = store.write
    lost: list[str] = []

    def looked(key: tuple[str, str, str], wanted: Object) -> Object:
        made = write(key, wanted)
        for host, number in led(store, app)[1].items():
            if not endpoints(store, app, number):
                lost.append(f"{host} leads nowhere ({number}) after {key[0]} {key[2]}")
        return made

    store.write = looked  # type: ignore[method-assign]
    return lost


@pytest.mark.parametrize(
    ("name", "port"), [("http", 8080), ("web", 8080), ("http", 9090)], ids=["same", "renamed", "renumbered"]
)
async def test_while_a_port_changes_each_route_leads_to_pods_that_listen(tmp_path: Path, name: str, port: int) -> None:
    app = new_app()
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        await roll(engine, version(app, 1, "http", 8080, replicas=2))
        lost = looking(stub.store, app)
        await roll(engine, version(app, 2, name, port, replicas=2))
        assert not lost
        ports, routes = led(stub.store, app)
        assert [(each["port"], each["targetPort"]) for each in ports] == [(port, name)], "nothing is left of the old"
        assert set(routes.values()) == {port}


async def test_a_roll_of_the_same_ports_does_not_touch_the_service_before_it_is_live(tmp_path: Path) -> None:
    app = new_app()
    async with stubbed(Plan(), tmp_path) as (stub, kubelet, engine):
        await roll(engine, version(app, 1, "http", 8080))
        failing = version(app, 2, "http", 8080, image="registry.example.com/acme/shop@sha256:" + "2" * 64)
        kubelet.failing[failing.unit.image] = "exited"
        asked = len(stub.requests)
        with pytest.raises(RolloutFailedError):
            await roll(engine, failing)
        assert not [each for each in stub.requests[asked:] if each.method == "PATCH" and "/services/" in each.path]


class Refusing(Plan):
    """Answers 422 to an apply, from the nth on."""

    def __init__(self, what: str, *, after: int = 0) -> None:
        super().__init__()
        self._what, self._after = what, after
        self.seen = 0

    def fault(self, method: str, path: str) -> str | int | None:
        if method == "PATCH" and re.search(self._what, path):
            self.seen += 1
            return 422 if self.seen > self._after else None
        return None


async def test_a_route_that_the_api_refuses_leaves_the_former_as_it_was(tmp_path: Path) -> None:
    app = new_app()
    async with stubbed(Refusing(r"/httproutes/zzz"), tmp_path) as (stub, _, engine):
        await roll(engine, version(app, 1, "http", 8080))
        before = led(stub.store, app)
        lost = looking(stub.store, app)
        with pytest.raises(RolloutFailedError) as failed:
            await roll(engine, version(app, 2, "http", 9090, "zzz.example.com"))
        assert failed.value.diagnosis.cause == "engine-refused"
        assert led(stub.store, app) == before
        assert deployment_of(deployed(stub.store, app)) == 1
        assert endpoints(stub.store, app, 8080)
        assert not lost, "visitors noticed nothing"


async def test_a_route_that_the_gateway_refuses_leaves_the_former_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = new_app()
    monkeypatch.setattr(exposing, "ROUTE_SECONDS", 0.5)
    async with stubbed(Plan(), tmp_path) as (stub, kubelet, engine):
        await roll(engine, version(app, 1, "http", 8080))
        before = led(stub.store, app)
        lost = looking(stub.store, app)
        kubelet.refusing.add("zzz.example.com")
        with pytest.raises(RolloutFailedError) as failed:
            await roll(engine, version(app, 2, "http", 9090, "zzz.example.com"))
        assert failed.value.diagnosis.cause == "edge-rejected"
        assert led(stub.store, app) == before
        assert deployment_of(deployed(stub.store, app)) == 1
        assert not lost, "visitors noticed nothing"


async def test_a_first_version_whose_route_is_refused_leaves_nothing_that_leads_to_it(tmp_path: Path) -> None:
    app = new_app()
    async with stubbed(Refusing(r"/httproutes/zzz"), tmp_path) as (stub, _, engine):
        with pytest.raises(RolloutFailedError):
            await roll(engine, version(app, 1, "http", 8080, "zzz.example.com"))
        space = names.namespace(app)
        assert not [each for path in (ROUTES, SERVICES, DEPLOYMENTS) for each in stub.store.of(path, space)]


async def test_a_no_to_the_mark_of_what_is_live_fails_the_rollout_and_leads_it_back(tmp_path: Path) -> None:
    app = new_app()
    plan = Refusing(r"/deployments/", after=3)  # two of v1, and that which starts v2
    async with stubbed(plan, tmp_path) as (stub, _, engine):
        await roll(engine, version(app, 1, "http", 8080))
        assert plan.seen == 2

        def again(method: str, path: str) -> str | int | None:
            found = Refusing.fault(plan, method, path)
            return None if plan.seen == 5 else found  # the way back

        plan.fault = again  # type: ignore[method-assign]
        with pytest.raises(RolloutFailedError):
            await roll(engine, version(app, 2, "http", 9090))
        assert deployment_of(deployed(stub.store, app)) == 1
        assert [each["port"] for each in led(stub.store, app)[0]] == [8080]


async def test_a_no_to_the_last_tidying_is_told_and_the_version_is_live(tmp_path: Path) -> None:
    app = new_app()
    plan = Refusing(r"/resourcequotas/", after=3)  # two of v1, and the wide one of v2
    async with stubbed(plan, tmp_path) as (stub, _, engine):
        await roll(engine, version(app, 1, "http", 8080))
        said = await roll(engine, version(app, 2, "http", 8080))
        assert plan.seen == 4
        assert any("keeps something of the former deployments" in line for line in said)
        assert deployment_of(deployed(stub.store, app)) == 2


async def test_a_command_that_the_deployment_cannot_carry_is_told_before_anything_changes(tmp_path: Path) -> None:
    app = new_app()
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        with pytest.raises(RolloutFailedError) as failed:
            await roll(engine, version(app, 1, "http", 8080, command=("é" * 140_000,)))
        assert "the command of v1 is too large: 2" in failed.value.diagnosis.message
        assert not [each for each in stub.requests if each.method != "GET"]
        await roll(engine, version(app, 2, "http", 8080, command=("é" * 60_000,)))
        text = deployed(stub.store, app)["metadata"]["annotations"][LIVE]
        assert len(text.encode()) < 256 << 10, "é is not written as six bytes"


async def test_while_it_rolls_the_quota_has_room_for_as_many_as_before_of_the_new_size(tmp_path: Path) -> None:
    app = new_app()
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        await roll(engine, version(app, 1, "http", 8080, replicas=4, cpu_millis=250))
        await roll(engine, version(app, 2, "http", 8080, replicas=1, cpu_millis=1000))
        hard = [found["spec"]["hard"] for _, _, key, found in stub.store._history if key[0] == QUOTAS]
        widest = max(quantity(each["requests.cpu"]) or 0 for each in hard)
        assert widest >= 4 * 0.25 + 5 * 1
        assert max(int(each["pods"]) for each in hard) >= 4 + 5
        assert quantity(hard[-1]["requests.cpu"]) == 3, "exact afterwards"


async def test_of_a_failed_version_only_what_never_served_is_hurried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = version(new_app(), 1, "http", 8080)
    space = names.namespace(wanted.app)
    monkeypatch.setattr(rolling, "LEAVING_SECONDS", 0.3)
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        stub.store.write((kinds.NAMESPACE.path(), "", space), {})
        for name, ready in (("well", "True"), ("sick", "False")):
            marks = names.pod_labels("iiiiiiiiii", wanted, "app")
            status = {"conditions": [{"type": "Ready", "status": ready}]}
            meta = {"labels": marks, "deletionTimestamp": "2026-11-26T12:00:00Z"}
            stub.store.write((PODS, space, name), {"metadata": meta, "status": status})
        await engine._roller._leave(wanted)
        assert [each["metadata"]["name"] for each in stub.store.of(PODS, space)] == ["well"]
