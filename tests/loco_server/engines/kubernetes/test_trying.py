"""A rollout that is only thought of: what the API says to it, and that nothing of it stays."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from loco_server.engines.base import EngineDownError
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.refusals import warned
from loco_server.units import UnitRoute
from tests.kube.kubelet import Kubelet
from tests.kube.samples import APP, LARGE, SMALL, rollout
from tests.kube.stub import Plan, Stub
from tests.kube.stub.store import DEPLOYMENTS, NAMESPACES
from tests.loco_server.engines.kubernetes.rolled import roll, stubbed, stubbed_engine

pytestmark = pytest.mark.anyio

SPACE = names.namespace(APP)


async def test_an_app_that_is_not_there_yet_has_its_namespace_tried_and_no_more(tmp_path: Path) -> None:
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        said = await engine.dry_run(rollout(LARGE))
        assert said == (f"namespace {SPACE} is not there yet: only itself could be tried, and nothing in it",)
        assert [each.query.get("dryRun") for each in stub.requests if each.method != "GET"] == ["All"]
        assert stub.store.objects == {}


async def test_every_manifest_is_tried_and_nothing_is_kept(tmp_path: Path) -> None:
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        async with Kubelet(stub.store):
            await roll(engine, rollout(LARGE))
        before, version = copy.deepcopy(stub.store.objects), stub.store.version
        asked = len(stub.requests)
        wanted = dataclasses.replace(LARGE, replicas=3, command=("another",))
        assert await engine.dry_run(rollout(wanted, deployment=13)) == ()
        writes = [each for each in stub.requests[asked:] if each.method != "GET"]
        assert {each.query.get("dryRun") for each in writes} == {"All"}
        tried = {each.path.removeprefix("/").split("/")[-2 if each.method == "PATCH" else -1] for each in writes}
        assert tried == {kind.plural for kind in (*kinds.KEPT_TRUE, kinds.SECRET)}
        assert (stub.store.objects, stub.store.version) == (before, version)


async def test_no_value_and_no_ticket_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    async with stubbed(Plan(), tmp_path) as (_, _, engine):
        await roll(engine, rollout(SMALL))
        real = engine._api._again

        async def again(method: str, path: str, query: dict[str, str], body: object, **more: object) -> object:
            sent.append(json.dumps(body))
            return await real(method, path, query, body, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(engine._api, "_again", again)
        secret = dataclasses.replace(SMALL, env=(("API_KEY", "sesame"), ("GREETING", "hello")))
        await engine.dry_run(rollout(secret, deployment=13))
    text = "".join(sent)
    assert "API_KEY" in text
    for value in ("sesame", "c2VzYW1l", "hello", "aGVsbG8", "a-pull-ticket", "YS1wdWxsLXRpY2tldA"):
        assert value not in text


async def test_what_somebody_else_holds_is_told(tmp_path: Path) -> None:
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        await roll(engine, rollout(SMALL))
        key = (DEPLOYMENTS, SPACE, names.WORKLOAD)
        stub.store.held[key] = ("kubectl-edit", ".spec.template")
        said = await engine.dry_run(rollout(SMALL, deployment=13))
        assert said == (
            'Deployment web: conflict with "kubectl-edit" using apps/v1: .spec.template; would be taken back',
        )
        assert key in stub.store.held


async def test_doubts_and_refusals_are_told_in_the_words_of_the_api(tmp_path: Path) -> None:
    class Refusing(Plan):
        def fault(self, method: str, path: str) -> str | int | None:
            return 403 if method != "GET" and path.endswith(self.end) else None

        end = "/nothing"

    plan = Refusing()
    async with stubbed(plan, tmp_path) as (stub, _, engine):
        await roll(engine, rollout(SMALL))
        plan.end = f"/services/{APP.app}"
        text = '299 - "would violate PodSecurity \\"restricted:v1.33\\": runAsNonRoot"'
        stub.warnings[kinds.DEPLOYMENT.path(SPACE, names.WORKLOAD)] = text
        assert await engine.dry_run(rollout(SMALL, deployment=13)) == (
            'Deployment web: would violate PodSecurity "restricted:v1.33": runAsNonRoot',
            "Service shop would be refused: as planned",
        )
        plan.end = "/secrets"
        assert "Secret pull would be refused: as planned" in await engine.dry_run(rollout(SMALL, deployment=13))


async def test_a_host_that_is_new_to_the_namespace_is_not_tried_for_the_fence_would_refuse_it(tmp_path: Path) -> None:
    async with stubbed(Plan(), tmp_path) as (stub, _, engine):
        await roll(engine, rollout(SMALL))
        asked = len(stub.requests)
        more = (*SMALL.routes, UnitRoute("new.example.com", "/", "http", strip_prefix=False))
        said = await engine.dry_run(rollout(dataclasses.replace(SMALL, routes=more), deployment=13))
        assert said == ("HTTPRoute new.example.com: new.example.com is new here, and could not be tried",)
        assert not [each for each in stub.requests[asked:] if each.path.endswith("/new.example.com")]


async def test_a_namespace_on_its_way_out_and_a_manifest_too_large_to_carry_are_told(tmp_path: Path) -> None:
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        stub.store.write((NAMESPACES, "", SPACE), {"metadata": {"deletionTimestamp": "2026-11-29T00:00:00Z"}})
        large = dataclasses.replace(SMALL, command=("x" * 300_000,))
        first, second = await engine.dry_run(rollout(large))
        assert "at most" in first
        assert second == f"namespace {SPACE} is still being removed; nothing could be tried in it"


async def test_an_api_that_does_not_answer_is_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loco_server.engines.kubernetes.api.FIRST_PAUSE", 0.001)
    async with Stub() as stub, stubbed_engine(stub, tmp_path) as engine:
        await stub.down()
        with pytest.raises(EngineDownError):
            await engine.dry_run(rollout(SMALL))
        await stub.up()


def test_warnings_are_read_as_the_api_writes_them() -> None:
    headers = ['299 - "one, \\"two\\"", 299 - "three"', "nothing", '299 - ""']
    assert warned(headers) == ['one, "two"', "three", ""]
