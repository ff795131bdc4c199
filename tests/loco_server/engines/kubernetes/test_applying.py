"""The Deployment, its fence by attempt, and what a failed rollout is led back to."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest

from loco_server.engines.base import EngineDownError, StaleAttemptError
from loco_server.engines.kubernetes import kinds, names
from loco_server.engines.kubernetes.applying import LIVE, Applier, live_of
from loco_server.engines.kubernetes.render import render
from tests.kube.samples import APP, CLUSTER, SMALL, rollout
from tests.kube.stub import Plan, Stub
from tests.kube.stub.store import DEPLOYMENTS, NAMESPACES, Object
from tests.loco_server.engines.kubernetes.stubbed import connected

pytestmark = pytest.mark.anyio

SPACE = names.namespace(APP)
KEY = (DEPLOYMENTS, SPACE, names.WORKLOAD)


def manifest(deployment: int, attempt: int = 1, *, replicas: int = 1) -> Object:
    unit = dataclasses.replace(SMALL, replicas=replicas)
    return render(CLUSTER, rollout(unit, deployment=deployment, attempt=attempt)).deployment


class Written(Plan):
    """Somebody writes the Deployment between each read of it and the apply."""

    stub: Stub

    def fault(self, method: str, path: str) -> str | int | None:
        if method == "PATCH" and path.endswith("/deployments/web") and KEY in self.stub.store.objects:
            found = copy.deepcopy(self.stub.store.objects[KEY])
            self.die("write")
            found["metadata"]["annotations"]["by"] = str(self.asked["write"])
            self.stub.store.write(KEY, found)
        return None


async def test_a_later_attempt_is_not_overwritten(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        applier = Applier(api, CLUSTER)
        await applier.deployment(rollout(SMALL, attempt=2), manifest(12, 2))
        before = stub.store.objects[KEY]
        for step in (applier.restore(rollout(SMALL)), applier.set_live(rollout(SMALL), manifest(12))):
            with pytest.raises(StaleAttemptError, match="attempt 2 of v12 has been here"):
                await step
        with pytest.raises(StaleAttemptError):
            await applier.deployment(rollout(SMALL), manifest(12))
        assert stub.store.objects[KEY] == before


async def test_a_failed_deployment_is_led_back_to_the_one_before_and_the_first_is_taken_away(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        applier = Applier(api, CLUSTER)
        await applier.deployment(rollout(SMALL, deployment=1), manifest(1))
        await applier.restore(rollout(SMALL, deployment=1))
        assert KEY not in stub.store.objects
        await applier.deployment(rollout(SMALL, deployment=2), manifest(2))
        await applier.set_live(rollout(SMALL, deployment=2), manifest(2))
        await applier.deployment(rollout(SMALL, deployment=3), manifest(3))
        await applier.restore(rollout(SMALL, deployment=3))
        found = stub.store.objects[KEY]
        assert found["spec"] == manifest(2)["spec"]
        assert live_of(found) == manifest(2)


async def test_fewer_replicas_come_only_once_the_new_ones_serve(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        applier = Applier(api, CLUSTER)
        await applier.deployment(rollout(SMALL, deployment=1), manifest(1, replicas=3))
        await applier.deployment(rollout(SMALL, deployment=2), manifest(2))
        assert stub.store.objects[KEY]["spec"]["replicas"] == 3
        await applier.set_live(rollout(SMALL, deployment=2), manifest(2))
        assert stub.store.objects[KEY]["spec"]["replicas"] == 1


async def test_a_deployment_that_others_write_all_the_time_is_told_and_not_taken_for_done(tmp_path: Path) -> None:
    plan = Written()
    async with connected(stub := Stub(plan), tmp_path) as api:
        plan.stub = stub
        stub.store.write((NAMESPACES, "", SPACE), {})
        applier = Applier(api, CLUSTER)
        await applier.deployment(rollout(SMALL), manifest(12))
        stub.store.objects[KEY]["metadata"]["annotations"][LIVE] = json.dumps(manifest(11))
        for step in (
            applier.deployment(rollout(SMALL), manifest(12)),
            applier.set_live(rollout(SMALL), manifest(12)),
            applier.restore(rollout(SMALL)),
        ):
            with pytest.raises(EngineDownError, match="the Deployment of shop is written by others all the time"):
                await step


async def test_secrets_are_made_and_replaced_and_never_patched(tmp_path: Path) -> None:
    """A patch would be answered with what is there."""
    async with connected(stub := Stub(), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        applier, secrets = Applier(api, CLUSTER), kinds.SECRET.path(SPACE)
        first = render(CLUSTER, rollout(SMALL))
        for ticket in ("bmV3", "bmV3ZXI="):
            pull = first.pull | {"data": {".dockerconfigjson": ticket}}
            await applier.pull(pull)
            await applier.ensure(first.env | {"data": {"A": ticket}})
        kept = {each["metadata"]["name"]: each["data"] for each in stub.store.of(kinds.SECRET.path(), SPACE)}
        assert kept == {
            names.PULL_SECRET: {".dockerconfigjson": "bmV3ZXI="},
            first.env["metadata"]["name"]: {"A": "bmV3"},
        }
        asked = {each.method for each in stub.requests if each.path.startswith(secrets)}
        assert asked == {"PUT", "POST"}


async def test_a_secret_whose_answer_was_lost_is_made_once(tmp_path: Path) -> None:
    async with connected(stub := Stub(Plan(seed=3, lost=0.4)), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        manifests, applier = render(CLUSTER, rollout(SMALL)), Applier(api, CLUSTER)
        await applier.pull(manifests.pull)
        await applier.ensure(manifests.env)
        assert len(stub.store.of(kinds.SECRET.path(), SPACE)) == 2


async def test_only_variables_of_deployments_that_nothing_runs_of_are_pruned(tmp_path: Path) -> None:
    async with connected(stub := Stub(), tmp_path) as api:
        stub.store.write((NAMESPACES, "", SPACE), {})
        marks = {names.APP_ID: APP.app_id}
        for number in ("1", "2", "3"):
            labels = marks | {names.ROLE: "env", names.DEPLOYMENT: number}
            stub.store.write((kinds.SECRET.path(), SPACE, f"env-v{number}"), {"metadata": {"labels": labels}})
        template = {"metadata": {"labels": marks | {names.DEPLOYMENT: "2"}}}
        kept = {"metadata": {"labels": marks}, "spec": {"template": template}}
        stub.store.write((kinds.REPLICA_SET.path(), SPACE, "web-1"), kept)
        await Applier(api, CLUSTER).prune(APP, ())
        assert [each["metadata"]["name"] for each in stub.store.of(kinds.SECRET.path(), SPACE)] == ["env-v2"]
